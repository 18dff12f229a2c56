"""What existing editor plugins send and expect, one file for each family of them."""
