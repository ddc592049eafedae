"""The programs behind `expo-controller`, one file a command."""
