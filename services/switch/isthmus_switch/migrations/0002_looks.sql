-- What is looked for every second: who could request a switch, and how many run. Who is switched is not in step any more.
CREATE INDEX mailbox_in_step ON mailbox (collection, pair_id) WHERE state = 3;
CREATE INDEX switch_running ON switch (requested_by) WHERE step < 6;
