"""What the screens are made of: each widget shows what it is given and asks nobody."""
