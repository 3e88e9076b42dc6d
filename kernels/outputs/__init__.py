"""What is made of books and events: op tapes and their replay, depth, bars of equal activity."""
