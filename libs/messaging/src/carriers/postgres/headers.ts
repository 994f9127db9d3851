/** Packs headers into bytes: per header the length of the name (2 bytes), the name, the length of the value (4 bytes), the value. */
export function packHeaders(headers: Readonly<Record<string, string | Buffer>>): Buffer {
  const parts: Buffer[] = [];
  for (const [name, value] of Object.entries(headers)) {
    const nameBytes = Buffer.from(name);
    const valueBytes = typeof value === 'string' ? Buffer.from(value) : value;
    const lengths = Buffer.allocUnsafe(6);
    lengths.writeUInt16BE(nameBytes.length, 0);
    lengths.writeUInt32BE(valueBytes.length, 2);
    parts.push(lengths, nameBytes, valueBytes);
  }
  return Buffer.concat(parts);
}

export function unpackHeaders(packed: Buffer): Record<string, Buffer> {
  const headers: Record<string, Buffer> = {};
  for (let at = 0; at < packed.length;) {
    const nameEnd = at + 6 + packed.readUInt16BE(at);
    const valueEnd = nameEnd + packed.readUInt32BE(at + 2);
    headers[packed.toString('utf8', at + 6, nameEnd)] = packed.subarray(nameEnd, valueEnd);
    at = valueEnd;
  }
  return headers;
}
