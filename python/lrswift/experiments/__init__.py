"""Many runs compared: methods, sensitivities, searches, the figures of papers; and their reports."""
