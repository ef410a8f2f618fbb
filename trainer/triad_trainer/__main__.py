import sys

from triad_trainer.cli import main

sys.exit(main())
