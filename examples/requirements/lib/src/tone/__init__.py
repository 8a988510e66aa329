VERSION = "of the project"


def tone(text):
    return text + "!"
