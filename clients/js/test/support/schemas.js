// Schemas as a server parses its serverProtos.json: `{ "required uInt32 hp": 1, "message Who": { … } }`.

export const parseSchemas = protos => Object.fromEntries(Object.entries(protos).map(([name, message]) => [name, parseMessage(message)]));

function parseMessage(message) {
  const schema = { __messages: {}, __tags: {} };
  for (const [key, value] of Object.entries(message)) {
    const [option, type, name] = key.split(/\s+/);
    if (option === 'message') {
      schema.__messages[type] = parseMessage(value);
    } else {
      schema[name] = { option, type, tag: value };
      schema.__tags[value] = name;
    }
  }
  return schema;
}
