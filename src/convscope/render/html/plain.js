// A page that only speaks two languages.

import { startLanguage } from "./page.js";

startLanguage();
