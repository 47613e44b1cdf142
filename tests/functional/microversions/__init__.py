"""What each microversion changed in Cinder, asked of the served API one by one."""
