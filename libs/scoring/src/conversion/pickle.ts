// Pickle is a program for a small machine. This one knows what a table of tensors needs and nothing else: it calls nothing, imports nothing,
// and refuses by name what asks for more (https://docs.python.org/3/library/pickletools.html has the opcodes).

/** A name that the program asks for; what it means is the reader's affair. */
export class PickledName {
  constructor(
    readonly module: string,
    readonly name: string,
  ) {}

  toString(): string {
    return `${this.module}.${this.name}`;
  }
}

export type Pickled =
  | null
  | boolean
  | number
  | string
  | PickledName
  | PickledList
  | PickledObject
  | Map<Pickled, Pickled>;
/** A list or a tuple. */
export type PickledList = Pickled[];
/** Something that the reader made. */
export interface PickledObject {
  readonly kind: string;
}

export interface PickleReader {
  /** Whether the program may mention it. */
  knows(name: PickledName): boolean;
  /** What a known name makes of these. @throws Error when it makes nothing of them */
  call(name: PickledName, inputs: PickledList): Pickled;
  /** What lies outside of the pickle under this id. */
  persistent(id: Pickled): Pickled;
}

/** Deeper nesting than any table of tensors has. */
const MOST_STACKED = 1_000_000;

/**
 * Reads a pickle of protocol 2 to 5.
 * @throws Error that names the opcode, or the name, that is not read
 */
export function readPickle(program: Buffer, reader: PickleReader): Pickled {
  return new PickleMachine(program, reader).run();
}

const MARK: unique symbol = Symbol('mark');
type Stacked = Pickled | typeof MARK;

class PickleMachine {
  private at = 0;
  private readonly stack: Stacked[] = [];
  private readonly memo = new Map<number, Pickled>();

  constructor(
    private readonly program: Buffer,
    private readonly reader: PickleReader,
  ) {}

  run(): Pickled {
    for (;;) {
      const opcode = this.take(1)[0]!;
      if (opcode === STOP) return this.pop();
      const step = STEPS.get(opcode);
      if (step === undefined) {
        throw new Error(`its pickle has the opcode 0x${opcode.toString(16)}, which is not read`);
      }
      step(this);
      if (this.stack.length > MOST_STACKED) throw new Error('its pickle nests too deeply');
    }
  }

  take(bytes: number): Buffer {
    if (!(bytes >= 0) || this.at + bytes > this.program.length) throw new Error('its pickle is cut off');
    this.at += bytes;
    return this.program.subarray(this.at - bytes, this.at);
  }

  /** Up to the next end of a line. */
  line(): string {
    const end = this.program.indexOf(10, this.at);
    if (end === -1) throw new Error('its pickle is cut off');
    const text = this.program.toString('utf8', this.at, end);
    this.at = end + 1;
    return text;
  }

  push(value: Stacked): void {
    this.stack.push(value);
  }

  pop(): Pickled {
    const value = this.stack.pop();
    if (value === undefined || value === MARK) throw new Error('its pickle takes more than it has');
    return value;
  }

  /** What was pushed since the last mark. */
  popToMark(): PickledList {
    const from = this.stack.lastIndexOf(MARK);
    if (from === -1) throw new Error('its pickle lacks a mark');
    const values = this.stack.splice(from);
    return values.slice(1) as PickledList;
  }

  top(): Pickled {
    const value = this.pop();
    this.push(value);
    return value;
  }

  remember(place: number = this.memo.size): void {
    this.memo.set(place, this.top());
  }

  recall(place: number): void {
    const value = this.memo.get(place);
    if (value === undefined) throw new Error('its pickle recalls what it never had');
    this.push(value);
  }

  name(module: Pickled, name: Pickled): void {
    if (typeof module !== 'string' || typeof name !== 'string')
      throw new Error('its pickle has a name that is no text');
    const asked = new PickledName(module, name);
    if (!this.reader.knows(asked)) throw new Error(`its pickle asks for ${asked.toString()}, which is not run`);
    this.push(asked);
  }

  reduce(): void {
    const inputs = this.pop();
    const called = this.pop();
    if (!(called instanceof PickledName) || !Array.isArray(inputs)) throw new Error('its pickle calls what is no name');
    this.push(this.reader.call(called, inputs));
  }

  persistent(): void {
    this.push(this.reader.persistent(this.pop()));
  }

  append(values: PickledList): void {
    const list = this.top();
    if (!Array.isArray(list)) throw new Error('its pickle appends to what is no list');
    for (const value of values) list.push(value);
  }

  setItems(values: PickledList): void {
    const dict = this.top();
    if (!(dict instanceof Map)) throw new Error('its pickle sets items of what is no dict');
    for (let at = 0; at + 1 < values.length; at += 2) dict.set(values[at]!, values[at + 1]!);
  }

  /** Attributes of a dict, such as `_metadata` of PyTorch's: they say nothing of the tensors. */
  build(): void {
    this.pop();
    if (!(this.top() instanceof Map)) throw new Error('its pickle sets attributes of what is no dict');
  }
}

const STOP = 0x2e;

type Step = (machine: PickleMachine) => void;

/** Opcodes by their byte. */
const STEPS: ReadonlyMap<number, Step> = new Map<number, Step>([
  // PROTO, FRAME
  [0x80, (machine) => void machine.take(1)],
  [0x95, (machine) => void machine.take(8)],
  // MARK, POP
  [0x28, (machine) => machine.push(MARK)],
  [0x30, (machine) => void machine.pop()],
  // NONE, NEWTRUE, NEWFALSE
  [0x4e, (machine) => machine.push(null)],
  [0x88, (machine) => machine.push(true)],
  [0x89, (machine) => machine.push(false)],
  // BININT, BININT1, BININT2, LONG1, BINFLOAT
  [0x4a, (machine) => machine.push(machine.take(4).readInt32LE())],
  [0x4b, (machine) => machine.push(machine.take(1)[0]!)],
  [0x4d, (machine) => machine.push(machine.take(2).readUInt16LE())],
  [0x8a, (machine) => machine.push(integerOf(machine.take(machine.take(1)[0]!)))],
  [0x47, (machine) => machine.push(machine.take(8).readDoubleBE())],
  // BINUNICODE, SHORT_BINUNICODE
  [0x58, (machine) => machine.push(machine.take(machine.take(4).readUInt32LE()).toString())],
  [0x8c, (machine) => machine.push(machine.take(machine.take(1)[0]!).toString())],
  // EMPTY_TUPLE, EMPTY_LIST, EMPTY_DICT, TUPLE, TUPLE1, TUPLE2, TUPLE3
  [0x29, (machine) => machine.push([])],
  [0x5d, (machine) => machine.push([])],
  [0x7d, (machine) => machine.push(new Map())],
  [0x74, (machine) => machine.push(machine.popToMark())],
  [0x85, tuple(1)],
  [0x86, tuple(2)],
  [0x87, tuple(3)],
  // APPEND, APPENDS, SETITEM, SETITEMS
  [0x61, (machine) => machine.append([machine.pop()])],
  [0x65, (machine) => machine.append(machine.popToMark())],
  [0x73, (machine) => machine.setItems([machine.pop(), machine.pop()].reverse())],
  [0x75, (machine) => machine.setItems(machine.popToMark())],
  // BINPUT, LONG_BINPUT, MEMOIZE, BINGET, LONG_BINGET
  [0x71, (machine) => machine.remember(machine.take(1)[0]!)],
  [0x72, (machine) => machine.remember(machine.take(4).readUInt32LE())],
  [0x94, (machine) => machine.remember()],
  [0x68, (machine) => machine.recall(machine.take(1)[0]!)],
  [0x6a, (machine) => machine.recall(machine.take(4).readUInt32LE())],
  // GLOBAL, STACK_GLOBAL, REDUCE, BUILD, BINPERSID
  [0x63, (machine) => machine.name(machine.line(), machine.line())],
  [0x93, (machine) => machine.name(...([machine.pop(), machine.pop()].reverse() as [Pickled, Pickled]))],
  [0x52, (machine) => machine.reduce()],
  [0x62, (machine) => machine.build()],
  [0x51, (machine) => machine.persistent()],
]);

function tuple(count: number): Step {
  return (machine) => machine.push(Array.from({ length: count }, () => machine.pop()).reverse());
}

/** Little endian, two's complement. */
function integerOf(bytes: Buffer): number {
  let value = 0n;
  for (const [at, byte] of bytes.entries()) value |= BigInt(byte) << BigInt(8 * at);
  return Number(BigInt.asIntN(8 * bytes.length, value));
}
