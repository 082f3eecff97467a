"""One file for each verb: its options, its help, and the call into the corridor."""
