"""How far one number is ahead of another, while both go on."""
