"""What a run keeps: checkpoints, records, evaluations, exported models.

Reading and writing a run directory, also one in a bucket; nothing here decides what is trained.
"""
