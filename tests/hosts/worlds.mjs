// The worlds of a run: how servers find each other and what their messages go by. Those of one turn go on at the same time.
export const WORLDS = {
  'without a master': { transport: 'tcp', turn: 1, hasMaster: false, areLinesLong: false },
  'with a master': { transport: 'tcp', turn: 1, hasMaster: true, areLinesLong: false },
  'with long lines': { transport: 'tcp', turn: 2, hasMaster: false, areLinesLong: true },
  'over NATS': { transport: 'nats', turn: 1, hasMaster: false, areLinesLong: false },
  'over NATS with a master': { transport: 'nats', turn: 1, hasMaster: true, areLinesLong: false },
  'over NATS with long lines': { transport: 'nats', turn: 2, hasMaster: false, areLinesLong: true },
};
