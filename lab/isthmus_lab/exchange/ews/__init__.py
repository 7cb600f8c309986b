"""Exchange Web Services: SOAP, ids, shapes and one small file for each operation ([MS-OXWS...])."""
