"""The release capsule: building, signing, publishing, verifying; and the signed notice feed. Plain Python, without Django."""
