-- What the steps of runs have done. Nothing here keeps a step from being done twice: that is left to the event log.
create table step_results (
	run_id uuid not null,
	step text not null,
	engine text not null
);
