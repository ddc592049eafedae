"""`python -m controller`: the same as `expo-controller`."""

from controller.cli import main

if __name__ == "__main__":
    main()
