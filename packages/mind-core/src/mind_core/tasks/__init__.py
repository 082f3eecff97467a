"""Tasks over files: a job is a folder, a task a pure function of files, committed exactly once.

`plan` says which tasks there are, `run` lets an engine do them, `commit` puts what one made into
place, `merge` completes the job. Nothing of an engine is known here but that it starts tasks.
"""
