"""What cgflow adds to the cut of real storage: the bare mechanism and our driver, side by side in one run."""
