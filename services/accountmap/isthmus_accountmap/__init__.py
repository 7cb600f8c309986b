"""The account map: who is this on the other side, and which side is active?"""
