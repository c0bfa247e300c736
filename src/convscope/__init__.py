"""convscope: convolutional networks you can see through."""
