"""Models of quality: fastText's files, for the filter and from `mind-clean quality train`."""
