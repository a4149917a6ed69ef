// The wire, as schemas/beacon.schema.json defines it: what POST /in/v1 takes.
export type * from "./wire_gen";
