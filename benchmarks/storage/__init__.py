"""What cgflow adds to the cut of real storage: the bare mechanism and cgflow's driver, side by side in one run."""
