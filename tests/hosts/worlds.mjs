// The worlds of a run: how servers find each other, and how long lines are. Those of one turn go on at the same time.
export const WORLDS = {
  'without a master': { turn: 1, hasMaster: false, areLinesLong: false },
  'with a master': { turn: 1, hasMaster: true, areLinesLong: false },
  'with long lines': { turn: 2, hasMaster: false, areLinesLong: true },
};
