"""The lab's Exchange: one process an organisation, speaking EWS and Autodiscover over HTTPS and SMTP.

The store keeps folders and items as MAPI property bags; everything here is a projection of them.
``python -m isthmus_lab.exchange --config FILE`` starts one.
"""
