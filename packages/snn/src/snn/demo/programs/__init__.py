"""The programs that ``snn demo --code`` writes; the tasks take their networks and their changes of images from them."""
