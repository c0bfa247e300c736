"""What a person sees: text, tables, charts, pictures, pages. Values in, pictures and words out."""
