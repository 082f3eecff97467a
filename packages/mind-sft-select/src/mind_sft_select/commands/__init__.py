"""The commands of mind-sft-select, one file each."""
