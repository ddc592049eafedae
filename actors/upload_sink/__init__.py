"""UploadSink: one actor per body in flight; takes chunks, leaves a stored file or nothing."""
