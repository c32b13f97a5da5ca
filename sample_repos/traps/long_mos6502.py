"""An emulator of the MOS 6502, the processor of the Apple II, the VIC-20 and many a cash register.

One long module on purpose: the table in the middle is easiest to check against the data sheet when
everything that it refers to is on the same page. From top to bottom: the status register, memory,
the ways to find an operand, what the instructions do, the table, the processor itself, a
disassembler, an assembler, and a debugger.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass, field
from enum import Enum, IntFlag

STACK_PAGE = 0x0100
NMI_VECTOR = 0xFFFA
RESET_VECTOR = 0xFFFC
IRQ_VECTOR = 0xFFFE


# --- the status register -----------------------------------------------------------------------


class Flag(IntFlag):
    """Bits of the status register, as they are pushed onto the stack."""

    CARRY = 0x01
    ZERO = 0x02
    INTERRUPT_DISABLE = 0x04
    DECIMAL = 0x08
    BREAK = 0x10
    UNUSED = 0x20
    OVERFLOW = 0x40
    NEGATIVE = 0x80


def status_letters(status: int) -> str:
    """`NV-BDIZC`, a letter for every bit that is set and a dot for every other."""
    letters = "NV-BDIZC"
    return "".join(letter if status & (0x80 >> i) else "." for i, letter in enumerate(letters))


# --- memory ------------------------------------------------------------------------------------


class UnmappedAddress(Exception):
    """The program touched an address where there is neither memory nor a chip."""


@dataclass(slots=True)
class Region:
    """Something that answers on the bus between two addresses, both included."""

    first: int
    last: int
    name: str
    read: Callable[[int], int]
    write: Callable[[int, int], None] | None = None


class Bus:
    """64 KiB of addresses, served by whatever was attached. The newest region wins."""

    def __init__(self) -> None:
        self.regions: list[Region] = []
        self.watchpoints: dict[int, Callable[[int, int], None]] = {}

    def attach_ram(self, first: int, n_bytes: int, name: str = "RAM") -> bytearray:
        """Plain memory, which starts out as zeros although the real one does not."""
        cells = bytearray(n_bytes)

        def write(address: int, value: int) -> None:
            cells[address - first] = value

        self.regions.append(Region(first, first + n_bytes - 1, name, lambda a: cells[a - first], write))
        return cells

    def attach_rom(self, first: int, content: bytes, name: str = "ROM") -> None:
        """Memory that ignores being written to, like the real thing."""
        self.regions.append(Region(first, first + len(content) - 1, name, lambda a: content[a - first]))

    def attach_device(
        self,
        first: int,
        last: int,
        name: str,
        read: Callable[[int], int],
        write: Callable[[int, int], None],
    ) -> None:
        """A chip whose registers look like memory. Reading one may have side effects."""
        self.regions.append(Region(first, last, name, read, write))

    def find(self, address: int) -> Region:
        for region in reversed(self.regions):
            if region.first <= address <= region.last:
                return region
        raise UnmappedAddress(f"nothing answers at ${address:04X}")

    def read(self, address: int) -> int:
        address &= 0xFFFF
        return self.find(address).read(address) & 0xFF

    def write(self, address: int, value: int) -> None:
        address &= 0xFFFF
        value &= 0xFF
        if address in self.watchpoints:
            self.watchpoints[address](address, value)
        region = self.find(address)
        if region.write is not None:
            region.write(address, value)

    def read_word(self, address: int) -> int:
        """Two bytes, the low one first."""
        return self.read(address) | self.read(address + 1) << 8

    def read_word_in_page(self, address: int) -> int:
        """Two bytes, but the second address stays in the same page.

        The processor does not carry into the high byte here. `JMP ($12FF)` takes its high byte
        from $1200, a mistake of 1975 that programs have come to rely on.
        """
        high_address = (address & 0xFF00) | ((address + 1) & 0x00FF)
        return self.read(address) | self.read(high_address) << 8


# --- the ways to find an operand ---------------------------------------------------------------


class Mode(Enum):
    """Addressing modes: how the bytes after the opcode lead to the operand."""

    IMPLIED = ("", 1)
    ACCUMULATOR = ("A", 1)
    IMMEDIATE = ("#${0:02X}", 2)
    ZERO_PAGE = ("${0:02X}", 2)
    ZERO_PAGE_X = ("${0:02X},X", 2)
    ZERO_PAGE_Y = ("${0:02X},Y", 2)
    INDIRECT_X = ("(${0:02X},X)", 2)
    INDIRECT_Y = ("(${0:02X}),Y", 2)
    RELATIVE = ("${0:04X}", 2)
    ABSOLUTE = ("${0:04X}", 3)
    ABSOLUTE_X = ("${0:04X},X", 3)
    ABSOLUTE_Y = ("${0:04X},Y", 3)
    INDIRECT = ("(${0:04X})", 3)

    def __init__(self, syntax: str, n_bytes: int) -> None:
        self.syntax = syntax
        self.n_bytes = n_bytes


@dataclass(frozen=True, slots=True)
class Operand:
    """Where the operand lies. `address` is None for the accumulator and for implied operands."""

    address: int | None
    crossed_page: bool = False


def crosses_page(base: int, address: int) -> bool:
    """Adding an index carried into the high byte, which costs the real processor a cycle."""
    return (base & 0xFF00) != (address & 0xFF00)


def operand_implied(cpu: Cpu) -> Operand:
    return Operand(None)


def operand_accumulator(cpu: Cpu) -> Operand:
    return Operand(None)


def operand_immediate(cpu: Cpu) -> Operand:
    address = cpu.pc
    cpu.pc += 1
    return Operand(address)


def operand_zero_page(cpu: Cpu) -> Operand:
    return Operand(cpu.fetch())


def operand_zero_page_x(cpu: Cpu) -> Operand:
    """Wraps round within page zero: $F0 plus an X of $20 is $10 and not $110."""
    return Operand((cpu.fetch() + cpu.x) & 0xFF)


def operand_zero_page_y(cpu: Cpu) -> Operand:
    return Operand((cpu.fetch() + cpu.y) & 0xFF)


def operand_indirect_x(cpu: Cpu) -> Operand:
    """X selects one of a row of pointers in page zero."""
    return Operand(cpu.bus.read_word_in_page((cpu.fetch() + cpu.x) & 0xFF))


def operand_indirect_y(cpu: Cpu) -> Operand:
    """One pointer in page zero, to which Y is added: how a string is walked along."""
    base = cpu.bus.read_word_in_page(cpu.fetch())
    address = (base + cpu.y) & 0xFFFF
    return Operand(address, crosses_page(base, address))


def operand_relative(cpu: Cpu) -> Operand:
    """A signed distance from the instruction that follows; branches reach 128 bytes back."""
    distance = cpu.fetch()
    if distance >= 0x80:
        distance -= 0x100
    address = (cpu.pc + distance) & 0xFFFF
    return Operand(address, crosses_page(cpu.pc, address))


def operand_absolute(cpu: Cpu) -> Operand:
    return Operand(cpu.fetch_word())


def operand_absolute_x(cpu: Cpu) -> Operand:
    base = cpu.fetch_word()
    address = (base + cpu.x) & 0xFFFF
    return Operand(address, crosses_page(base, address))


def operand_absolute_y(cpu: Cpu) -> Operand:
    base = cpu.fetch_word()
    address = (base + cpu.y) & 0xFFFF
    return Operand(address, crosses_page(base, address))


def operand_indirect(cpu: Cpu) -> Operand:
    return Operand(cpu.bus.read_word_in_page(cpu.fetch_word()))


FIND_OPERAND: dict[Mode, Callable[[Cpu], Operand]] = {
    Mode.IMPLIED: operand_implied,
    Mode.ACCUMULATOR: operand_accumulator,
    Mode.IMMEDIATE: operand_immediate,
    Mode.ZERO_PAGE: operand_zero_page,
    Mode.ZERO_PAGE_X: operand_zero_page_x,
    Mode.ZERO_PAGE_Y: operand_zero_page_y,
    Mode.INDIRECT_X: operand_indirect_x,
    Mode.INDIRECT_Y: operand_indirect_y,
    Mode.RELATIVE: operand_relative,
    Mode.ABSOLUTE: operand_absolute,
    Mode.ABSOLUTE_X: operand_absolute_x,
    Mode.ABSOLUTE_Y: operand_absolute_y,
    Mode.INDIRECT: operand_indirect,
}


# --- what the instructions do ------------------------------------------------------------------


def op_adc(cpu: Cpu, operand: Operand) -> None:
    """Add with carry, in binary or, with the decimal flag, in digits of ten."""
    value = cpu.load(operand)
    carry = int(cpu.has(Flag.CARRY))
    total = cpu.a + value + carry
    cpu.put(Flag.OVERFLOW, bool(~(cpu.a ^ value) & (cpu.a ^ total) & 0x80))
    if cpu.has(Flag.DECIMAL):
        low = (cpu.a & 0x0F) + (value & 0x0F) + carry
        if low > 9:
            low += 6
        total = (cpu.a & 0xF0) + (value & 0xF0) + (low & 0x0F) + (0x10 if low > 0x0F else 0)
        if total > 0x9F:
            total += 0x60
    cpu.put(Flag.CARRY, total > 0xFF)
    cpu.a = cpu.note(total & 0xFF)


def op_sbc(cpu: Cpu, operand: Operand) -> None:
    """Subtract with borrow; the carry flag set means that nothing was borrowed."""
    value = cpu.load(operand)
    borrow = 1 - int(cpu.has(Flag.CARRY))
    total = cpu.a - value - borrow
    cpu.put(Flag.OVERFLOW, bool((cpu.a ^ value) & (cpu.a ^ total) & 0x80))
    result = total & 0xFF
    if cpu.has(Flag.DECIMAL):
        low = (cpu.a & 0x0F) - (value & 0x0F) - borrow
        high = (cpu.a >> 4) - (value >> 4)
        if low < 0:
            low += 10
            high -= 1
        if high < 0:
            high += 10
        result = (high << 4 | low & 0x0F) & 0xFF
    cpu.put(Flag.CARRY, total >= 0)
    cpu.a = cpu.note(result)


def op_and(cpu: Cpu, operand: Operand) -> None:
    cpu.a = cpu.note(cpu.a & cpu.load(operand))


def op_ora(cpu: Cpu, operand: Operand) -> None:
    cpu.a = cpu.note(cpu.a | cpu.load(operand))


def op_eor(cpu: Cpu, operand: Operand) -> None:
    cpu.a = cpu.note(cpu.a ^ cpu.load(operand))


def op_bit(cpu: Cpu, operand: Operand) -> None:
    """Copies the top two bits of memory into the flags, for polling a chip without losing A."""
    value = cpu.load(operand)
    cpu.put(Flag.ZERO, not cpu.a & value)
    cpu.put(Flag.NEGATIVE, bool(value & 0x80))
    cpu.put(Flag.OVERFLOW, bool(value & 0x40))


def op_asl(cpu: Cpu, operand: Operand) -> None:
    value = cpu.load(operand)
    cpu.put(Flag.CARRY, bool(value & 0x80))
    cpu.store(operand, cpu.note(value << 1 & 0xFF))


def op_lsr(cpu: Cpu, operand: Operand) -> None:
    value = cpu.load(operand)
    cpu.put(Flag.CARRY, bool(value & 0x01))
    cpu.store(operand, cpu.note(value >> 1))


def op_rol(cpu: Cpu, operand: Operand) -> None:
    """Turns nine bits round: the eight of the operand and the carry."""
    value = cpu.load(operand) << 1 | int(cpu.has(Flag.CARRY))
    cpu.put(Flag.CARRY, value > 0xFF)
    cpu.store(operand, cpu.note(value & 0xFF))


def op_ror(cpu: Cpu, operand: Operand) -> None:
    value = cpu.load(operand) | int(cpu.has(Flag.CARRY)) << 8
    cpu.put(Flag.CARRY, bool(value & 0x01))
    cpu.store(operand, cpu.note(value >> 1))


def op_inc(cpu: Cpu, operand: Operand) -> None:
    cpu.store(operand, cpu.note(cpu.load(operand) + 1 & 0xFF))


def op_dec(cpu: Cpu, operand: Operand) -> None:
    cpu.store(operand, cpu.note(cpu.load(operand) - 1 & 0xFF))


def op_inx(cpu: Cpu, operand: Operand) -> None:
    cpu.x = cpu.note(cpu.x + 1 & 0xFF)


def op_iny(cpu: Cpu, operand: Operand) -> None:
    cpu.y = cpu.note(cpu.y + 1 & 0xFF)


def op_dex(cpu: Cpu, operand: Operand) -> None:
    cpu.x = cpu.note(cpu.x - 1 & 0xFF)


def op_dey(cpu: Cpu, operand: Operand) -> None:
    cpu.y = cpu.note(cpu.y - 1 & 0xFF)


def compare(cpu: Cpu, register: int, operand: Operand) -> None:
    """A subtraction whose result is thrown away and whose flags are kept."""
    value = cpu.load(operand)
    cpu.put(Flag.CARRY, register >= value)
    cpu.note(register - value & 0xFF)


def op_cmp(cpu: Cpu, operand: Operand) -> None:
    compare(cpu, cpu.a, operand)


def op_cpx(cpu: Cpu, operand: Operand) -> None:
    compare(cpu, cpu.x, operand)


def op_cpy(cpu: Cpu, operand: Operand) -> None:
    compare(cpu, cpu.y, operand)


def op_lda(cpu: Cpu, operand: Operand) -> None:
    cpu.a = cpu.note(cpu.load(operand))


def op_ldx(cpu: Cpu, operand: Operand) -> None:
    cpu.x = cpu.note(cpu.load(operand))


def op_ldy(cpu: Cpu, operand: Operand) -> None:
    cpu.y = cpu.note(cpu.load(operand))


def op_sta(cpu: Cpu, operand: Operand) -> None:
    cpu.store(operand, cpu.a)


def op_stx(cpu: Cpu, operand: Operand) -> None:
    cpu.store(operand, cpu.x)


def op_sty(cpu: Cpu, operand: Operand) -> None:
    cpu.store(operand, cpu.y)


def op_tax(cpu: Cpu, operand: Operand) -> None:
    cpu.x = cpu.note(cpu.a)


def op_tay(cpu: Cpu, operand: Operand) -> None:
    cpu.y = cpu.note(cpu.a)


def op_txa(cpu: Cpu, operand: Operand) -> None:
    cpu.a = cpu.note(cpu.x)


def op_tya(cpu: Cpu, operand: Operand) -> None:
    cpu.a = cpu.note(cpu.y)


def op_tsx(cpu: Cpu, operand: Operand) -> None:
    cpu.x = cpu.note(cpu.sp)


def op_txs(cpu: Cpu, operand: Operand) -> None:
    """The only transfer that leaves the flags alone."""
    cpu.sp = cpu.x


def op_pha(cpu: Cpu, operand: Operand) -> None:
    cpu.push(cpu.a)


def op_pla(cpu: Cpu, operand: Operand) -> None:
    cpu.a = cpu.note(cpu.pull())


def op_php(cpu: Cpu, operand: Operand) -> None:
    cpu.push(cpu.status | Flag.BREAK | Flag.UNUSED)


def op_plp(cpu: Cpu, operand: Operand) -> None:
    cpu.status = cpu.pull() & ~Flag.BREAK | Flag.UNUSED


def op_jmp(cpu: Cpu, operand: Operand) -> None:
    cpu.pc = cpu.address_of(operand)


def op_jsr(cpu: Cpu, operand: Operand) -> None:
    """Pushes the address of its own last byte; `RTS` adds the missing one."""
    cpu.push_word(cpu.pc - 1)
    cpu.pc = cpu.address_of(operand)


def op_rts(cpu: Cpu, operand: Operand) -> None:
    cpu.pc = cpu.pull_word() + 1 & 0xFFFF


def op_rti(cpu: Cpu, operand: Operand) -> None:
    cpu.status = cpu.pull() & ~Flag.BREAK | Flag.UNUSED
    cpu.pc = cpu.pull_word()


def op_brk(cpu: Cpu, operand: Operand) -> None:
    """A software interrupt. The byte after it is skipped, and may tell the handler something."""
    cpu.push_word(cpu.pc + 1)
    cpu.push(cpu.status | Flag.BREAK | Flag.UNUSED)
    cpu.put(Flag.INTERRUPT_DISABLE, True)
    cpu.pc = cpu.bus.read_word(IRQ_VECTOR)


def branch(cpu: Cpu, operand: Operand, condition: bool) -> None:
    """A branch that is taken costs one cycle more, and another if it leaves the page."""
    if condition:
        cpu.cycles += 2 if operand.crossed_page else 1
        cpu.pc = cpu.address_of(operand)


def op_bcc(cpu: Cpu, operand: Operand) -> None:
    branch(cpu, operand, not cpu.has(Flag.CARRY))


def op_bcs(cpu: Cpu, operand: Operand) -> None:
    branch(cpu, operand, cpu.has(Flag.CARRY))


def op_beq(cpu: Cpu, operand: Operand) -> None:
    branch(cpu, operand, cpu.has(Flag.ZERO))


def op_bne(cpu: Cpu, operand: Operand) -> None:
    branch(cpu, operand, not cpu.has(Flag.ZERO))


def op_bmi(cpu: Cpu, operand: Operand) -> None:
    branch(cpu, operand, cpu.has(Flag.NEGATIVE))


def op_bpl(cpu: Cpu, operand: Operand) -> None:
    branch(cpu, operand, not cpu.has(Flag.NEGATIVE))


def op_bvs(cpu: Cpu, operand: Operand) -> None:
    branch(cpu, operand, cpu.has(Flag.OVERFLOW))


def op_bvc(cpu: Cpu, operand: Operand) -> None:
    branch(cpu, operand, not cpu.has(Flag.OVERFLOW))


def op_clc(cpu: Cpu, operand: Operand) -> None:
    cpu.put(Flag.CARRY, False)


def op_sec(cpu: Cpu, operand: Operand) -> None:
    cpu.put(Flag.CARRY, True)


def op_cli(cpu: Cpu, operand: Operand) -> None:
    cpu.put(Flag.INTERRUPT_DISABLE, False)


def op_sei(cpu: Cpu, operand: Operand) -> None:
    cpu.put(Flag.INTERRUPT_DISABLE, True)


def op_cld(cpu: Cpu, operand: Operand) -> None:
    cpu.put(Flag.DECIMAL, False)


def op_sed(cpu: Cpu, operand: Operand) -> None:
    cpu.put(Flag.DECIMAL, True)


def op_clv(cpu: Cpu, operand: Operand) -> None:
    cpu.put(Flag.OVERFLOW, False)


def op_nop(cpu: Cpu, operand: Operand) -> None:
    """Does nothing, but takes its time."""


# --- the table ---------------------------------------------------------------------------------


@dataclass(frozen=True, slots=True)
class Instruction:
    """One row of the data sheet."""

    opcode: int
    mnemonic: str
    mode: Mode
    cycles: int
    run: Callable[[Cpu, Operand], None]
    page_penalty: bool = False
    """One more cycle when adding the index crosses a page; writes always pay and have no penalty."""


INSTRUCTIONS: tuple[Instruction, ...] = (
    Instruction(0x69, "ADC", Mode.IMMEDIATE, 2, op_adc),
    Instruction(0x65, "ADC", Mode.ZERO_PAGE, 3, op_adc),
    Instruction(0x75, "ADC", Mode.ZERO_PAGE_X, 4, op_adc),
    Instruction(0x6D, "ADC", Mode.ABSOLUTE, 4, op_adc),
    Instruction(0x7D, "ADC", Mode.ABSOLUTE_X, 4, op_adc, page_penalty=True),
    Instruction(0x79, "ADC", Mode.ABSOLUTE_Y, 4, op_adc, page_penalty=True),
    Instruction(0x61, "ADC", Mode.INDIRECT_X, 6, op_adc),
    Instruction(0x71, "ADC", Mode.INDIRECT_Y, 5, op_adc, page_penalty=True),
    Instruction(0x29, "AND", Mode.IMMEDIATE, 2, op_and),
    Instruction(0x25, "AND", Mode.ZERO_PAGE, 3, op_and),
    Instruction(0x35, "AND", Mode.ZERO_PAGE_X, 4, op_and),
    Instruction(0x2D, "AND", Mode.ABSOLUTE, 4, op_and),
    Instruction(0x3D, "AND", Mode.ABSOLUTE_X, 4, op_and, page_penalty=True),
    Instruction(0x39, "AND", Mode.ABSOLUTE_Y, 4, op_and, page_penalty=True),
    Instruction(0x21, "AND", Mode.INDIRECT_X, 6, op_and),
    Instruction(0x31, "AND", Mode.INDIRECT_Y, 5, op_and, page_penalty=True),
    Instruction(0x0A, "ASL", Mode.ACCUMULATOR, 2, op_asl),
    Instruction(0x06, "ASL", Mode.ZERO_PAGE, 5, op_asl),
    Instruction(0x16, "ASL", Mode.ZERO_PAGE_X, 6, op_asl),
    Instruction(0x0E, "ASL", Mode.ABSOLUTE, 6, op_asl),
    Instruction(0x1E, "ASL", Mode.ABSOLUTE_X, 7, op_asl),
    Instruction(0x90, "BCC", Mode.RELATIVE, 2, op_bcc),
    Instruction(0xB0, "BCS", Mode.RELATIVE, 2, op_bcs),
    Instruction(0xF0, "BEQ", Mode.RELATIVE, 2, op_beq),
    Instruction(0x24, "BIT", Mode.ZERO_PAGE, 3, op_bit),
    Instruction(0x2C, "BIT", Mode.ABSOLUTE, 4, op_bit),
    Instruction(0x30, "BMI", Mode.RELATIVE, 2, op_bmi),
    Instruction(0xD0, "BNE", Mode.RELATIVE, 2, op_bne),
    Instruction(0x10, "BPL", Mode.RELATIVE, 2, op_bpl),
    Instruction(0x00, "BRK", Mode.IMPLIED, 7, op_brk),
    Instruction(0x50, "BVC", Mode.RELATIVE, 2, op_bvc),
    Instruction(0x70, "BVS", Mode.RELATIVE, 2, op_bvs),
    Instruction(0x18, "CLC", Mode.IMPLIED, 2, op_clc),
    Instruction(0xD8, "CLD", Mode.IMPLIED, 2, op_cld),
    Instruction(0x58, "CLI", Mode.IMPLIED, 2, op_cli),
    Instruction(0xB8, "CLV", Mode.IMPLIED, 2, op_clv),
    Instruction(0xC9, "CMP", Mode.IMMEDIATE, 2, op_cmp),
    Instruction(0xC5, "CMP", Mode.ZERO_PAGE, 3, op_cmp),
    Instruction(0xD5, "CMP", Mode.ZERO_PAGE_X, 4, op_cmp),
    Instruction(0xCD, "CMP", Mode.ABSOLUTE, 4, op_cmp),
    Instruction(0xDD, "CMP", Mode.ABSOLUTE_X, 4, op_cmp, page_penalty=True),
    Instruction(0xD9, "CMP", Mode.ABSOLUTE_Y, 4, op_cmp, page_penalty=True),
    Instruction(0xC1, "CMP", Mode.INDIRECT_X, 6, op_cmp),
    Instruction(0xD1, "CMP", Mode.INDIRECT_Y, 5, op_cmp, page_penalty=True),
    Instruction(0xE0, "CPX", Mode.IMMEDIATE, 2, op_cpx),
    Instruction(0xE4, "CPX", Mode.ZERO_PAGE, 3, op_cpx),
    Instruction(0xEC, "CPX", Mode.ABSOLUTE, 4, op_cpx),
    Instruction(0xC0, "CPY", Mode.IMMEDIATE, 2, op_cpy),
    Instruction(0xC4, "CPY", Mode.ZERO_PAGE, 3, op_cpy),
    Instruction(0xCC, "CPY", Mode.ABSOLUTE, 4, op_cpy),
    Instruction(0xC6, "DEC", Mode.ZERO_PAGE, 5, op_dec),
    Instruction(0xD6, "DEC", Mode.ZERO_PAGE_X, 6, op_dec),
    Instruction(0xCE, "DEC", Mode.ABSOLUTE, 6, op_dec),
    Instruction(0xDE, "DEC", Mode.ABSOLUTE_X, 7, op_dec),
    Instruction(0xCA, "DEX", Mode.IMPLIED, 2, op_dex),
    Instruction(0x88, "DEY", Mode.IMPLIED, 2, op_dey),
    Instruction(0x49, "EOR", Mode.IMMEDIATE, 2, op_eor),
    Instruction(0x45, "EOR", Mode.ZERO_PAGE, 3, op_eor),
    Instruction(0x55, "EOR", Mode.ZERO_PAGE_X, 4, op_eor),
    Instruction(0x4D, "EOR", Mode.ABSOLUTE, 4, op_eor),
    Instruction(0x5D, "EOR", Mode.ABSOLUTE_X, 4, op_eor, page_penalty=True),
    Instruction(0x59, "EOR", Mode.ABSOLUTE_Y, 4, op_eor, page_penalty=True),
    Instruction(0x41, "EOR", Mode.INDIRECT_X, 6, op_eor),
    Instruction(0x51, "EOR", Mode.INDIRECT_Y, 5, op_eor, page_penalty=True),
    Instruction(0xE6, "INC", Mode.ZERO_PAGE, 5, op_inc),
    Instruction(0xF6, "INC", Mode.ZERO_PAGE_X, 6, op_inc),
    Instruction(0xEE, "INC", Mode.ABSOLUTE, 6, op_inc),
    Instruction(0xFE, "INC", Mode.ABSOLUTE_X, 7, op_inc),
    Instruction(0xE8, "INX", Mode.IMPLIED, 2, op_inx),
    Instruction(0xC8, "INY", Mode.IMPLIED, 2, op_iny),
    Instruction(0x4C, "JMP", Mode.ABSOLUTE, 3, op_jmp),
    Instruction(0x6C, "JMP", Mode.INDIRECT, 5, op_jmp),
    Instruction(0x20, "JSR", Mode.ABSOLUTE, 6, op_jsr),
    Instruction(0xA9, "LDA", Mode.IMMEDIATE, 2, op_lda),
    Instruction(0xA5, "LDA", Mode.ZERO_PAGE, 3, op_lda),
    Instruction(0xB5, "LDA", Mode.ZERO_PAGE_X, 4, op_lda),
    Instruction(0xAD, "LDA", Mode.ABSOLUTE, 4, op_lda),
    Instruction(0xBD, "LDA", Mode.ABSOLUTE_X, 4, op_lda, page_penalty=True),
    Instruction(0xB9, "LDA", Mode.ABSOLUTE_Y, 4, op_lda, page_penalty=True),
    Instruction(0xA1, "LDA", Mode.INDIRECT_X, 6, op_lda),
    Instruction(0xB1, "LDA", Mode.INDIRECT_Y, 5, op_lda, page_penalty=True),
    Instruction(0xA2, "LDX", Mode.IMMEDIATE, 2, op_ldx),
    Instruction(0xA6, "LDX", Mode.ZERO_PAGE, 3, op_ldx),
    Instruction(0xB6, "LDX", Mode.ZERO_PAGE_Y, 4, op_ldx),
    Instruction(0xAE, "LDX", Mode.ABSOLUTE, 4, op_ldx),
    Instruction(0xBE, "LDX", Mode.ABSOLUTE_Y, 4, op_ldx, page_penalty=True),
    Instruction(0xA0, "LDY", Mode.IMMEDIATE, 2, op_ldy),
    Instruction(0xA4, "LDY", Mode.ZERO_PAGE, 3, op_ldy),
    Instruction(0xB4, "LDY", Mode.ZERO_PAGE_X, 4, op_ldy),
    Instruction(0xAC, "LDY", Mode.ABSOLUTE, 4, op_ldy),
    Instruction(0xBC, "LDY", Mode.ABSOLUTE_X, 4, op_ldy, page_penalty=True),
    Instruction(0x4A, "LSR", Mode.ACCUMULATOR, 2, op_lsr),
    Instruction(0x46, "LSR", Mode.ZERO_PAGE, 5, op_lsr),
    Instruction(0x56, "LSR", Mode.ZERO_PAGE_X, 6, op_lsr),
    Instruction(0x4E, "LSR", Mode.ABSOLUTE, 6, op_lsr),
    Instruction(0x5E, "LSR", Mode.ABSOLUTE_X, 7, op_lsr),
    Instruction(0xEA, "NOP", Mode.IMPLIED, 2, op_nop),
    Instruction(0x09, "ORA", Mode.IMMEDIATE, 2, op_ora),
    Instruction(0x05, "ORA", Mode.ZERO_PAGE, 3, op_ora),
    Instruction(0x15, "ORA", Mode.ZERO_PAGE_X, 4, op_ora),
    Instruction(0x0D, "ORA", Mode.ABSOLUTE, 4, op_ora),
    Instruction(0x1D, "ORA", Mode.ABSOLUTE_X, 4, op_ora, page_penalty=True),
    Instruction(0x19, "ORA", Mode.ABSOLUTE_Y, 4, op_ora, page_penalty=True),
    Instruction(0x01, "ORA", Mode.INDIRECT_X, 6, op_ora),
    Instruction(0x11, "ORA", Mode.INDIRECT_Y, 5, op_ora, page_penalty=True),
    Instruction(0x48, "PHA", Mode.IMPLIED, 3, op_pha),
    Instruction(0x08, "PHP", Mode.IMPLIED, 3, op_php),
    Instruction(0x68, "PLA", Mode.IMPLIED, 4, op_pla),
    Instruction(0x28, "PLP", Mode.IMPLIED, 4, op_plp),
    Instruction(0x2A, "ROL", Mode.ACCUMULATOR, 2, op_rol),
    Instruction(0x26, "ROL", Mode.ZERO_PAGE, 5, op_rol),
    Instruction(0x36, "ROL", Mode.ZERO_PAGE_X, 6, op_rol),
    Instruction(0x2E, "ROL", Mode.ABSOLUTE, 6, op_rol),
    Instruction(0x3E, "ROL", Mode.ABSOLUTE_X, 7, op_rol),
    Instruction(0x6A, "ROR", Mode.ACCUMULATOR, 2, op_ror),
    Instruction(0x66, "ROR", Mode.ZERO_PAGE, 5, op_ror),
    Instruction(0x76, "ROR", Mode.ZERO_PAGE_X, 6, op_ror),
    Instruction(0x6E, "ROR", Mode.ABSOLUTE, 6, op_ror),
    Instruction(0x7E, "ROR", Mode.ABSOLUTE_X, 7, op_ror),
    Instruction(0x40, "RTI", Mode.IMPLIED, 6, op_rti),
    Instruction(0x60, "RTS", Mode.IMPLIED, 6, op_rts),
    Instruction(0xE9, "SBC", Mode.IMMEDIATE, 2, op_sbc),
    Instruction(0xE5, "SBC", Mode.ZERO_PAGE, 3, op_sbc),
    Instruction(0xF5, "SBC", Mode.ZERO_PAGE_X, 4, op_sbc),
    Instruction(0xED, "SBC", Mode.ABSOLUTE, 4, op_sbc),
    Instruction(0xFD, "SBC", Mode.ABSOLUTE_X, 4, op_sbc, page_penalty=True),
    Instruction(0xF9, "SBC", Mode.ABSOLUTE_Y, 4, op_sbc, page_penalty=True),
    Instruction(0xE1, "SBC", Mode.INDIRECT_X, 6, op_sbc),
    Instruction(0xF1, "SBC", Mode.INDIRECT_Y, 5, op_sbc, page_penalty=True),
    Instruction(0x38, "SEC", Mode.IMPLIED, 2, op_sec),
    Instruction(0xF8, "SED", Mode.IMPLIED, 2, op_sed),
    Instruction(0x78, "SEI", Mode.IMPLIED, 2, op_sei),
    Instruction(0x85, "STA", Mode.ZERO_PAGE, 3, op_sta),
    Instruction(0x95, "STA", Mode.ZERO_PAGE_X, 4, op_sta),
    Instruction(0x8D, "STA", Mode.ABSOLUTE, 4, op_sta),
    Instruction(0x9D, "STA", Mode.ABSOLUTE_X, 5, op_sta),
    Instruction(0x99, "STA", Mode.ABSOLUTE_Y, 5, op_sta),
    Instruction(0x81, "STA", Mode.INDIRECT_X, 6, op_sta),
    Instruction(0x91, "STA", Mode.INDIRECT_Y, 6, op_sta),
    Instruction(0x86, "STX", Mode.ZERO_PAGE, 3, op_stx),
    Instruction(0x96, "STX", Mode.ZERO_PAGE_Y, 4, op_stx),
    Instruction(0x8E, "STX", Mode.ABSOLUTE, 4, op_stx),
    Instruction(0x84, "STY", Mode.ZERO_PAGE, 3, op_sty),
    Instruction(0x94, "STY", Mode.ZERO_PAGE_X, 4, op_sty),
    Instruction(0x8C, "STY", Mode.ABSOLUTE, 4, op_sty),
    Instruction(0xAA, "TAX", Mode.IMPLIED, 2, op_tax),
    Instruction(0xA8, "TAY", Mode.IMPLIED, 2, op_tay),
    Instruction(0xBA, "TSX", Mode.IMPLIED, 2, op_tsx),
    Instruction(0x8A, "TXA", Mode.IMPLIED, 2, op_txa),
    Instruction(0x9A, "TXS", Mode.IMPLIED, 2, op_txs),
    Instruction(0x98, "TYA", Mode.IMPLIED, 2, op_tya),
)

BY_OPCODE: dict[int, Instruction] = {row.opcode: row for row in INSTRUCTIONS}
BY_NAME: dict[tuple[str, Mode], Instruction] = {(row.mnemonic, row.mode): row for row in INSTRUCTIONS}


# --- the processor -----------------------------------------------------------------------------


class IllegalInstruction(Exception):
    """A byte that stands for no documented instruction was about to be executed."""


class Cpu:
    """Registers, and the cycle of fetching and executing."""

    def __init__(self, bus: Bus) -> None:
        self.bus = bus
        self.a = self.x = self.y = 0
        self.sp = 0xFD
        self.pc = 0
        self.status = int(Flag.UNUSED | Flag.INTERRUPT_DISABLE)
        self.cycles = 0
        self.interrupt_requested = False
        self.nmi_requested = False

    def reset(self) -> None:
        """What happens when the red button is pressed: registers survive, the program does not."""
        self.sp = (self.sp - 3) & 0xFF
        self.put(Flag.INTERRUPT_DISABLE, True)
        self.pc = self.bus.read_word(RESET_VECTOR)
        self.cycles += 7

    def step(self) -> Instruction:
        """Executes one instruction, or an interrupt first if one is waiting."""
        if self.nmi_requested:
            self.nmi_requested = False
            self.interrupt(NMI_VECTOR)
        elif self.interrupt_requested and not self.has(Flag.INTERRUPT_DISABLE):
            self.interrupt(IRQ_VECTOR)
        start = self.pc
        opcode = self.fetch()
        row = BY_OPCODE.get(opcode)
        if row is None:
            self.pc = start
            raise IllegalInstruction(f"${opcode:02X} at ${start:04X} is no instruction")
        operand = FIND_OPERAND[row.mode](self)
        self.cycles += row.cycles + int(row.page_penalty and operand.crossed_page)
        row.run(self, operand)
        return row

    def interrupt(self, vector: int) -> None:
        """Saves what is needed to come back and jumps through the vector."""
        self.push_word(self.pc)
        self.push(self.status & ~Flag.BREAK | Flag.UNUSED)
        self.put(Flag.INTERRUPT_DISABLE, True)
        self.pc = self.bus.read_word(vector)
        self.cycles += 7

    def run_until(self, stop: Callable[[Cpu], bool], max_cycles: int = 10_000_000) -> bool:
        """Steps until `stop` is true. False when the program ran for too long instead."""
        limit = self.cycles + max_cycles
        while not stop(self):
            if self.cycles >= limit:
                return False
            self.step()
        return True

    def fetch(self) -> int:
        value = self.bus.read(self.pc)
        self.pc = self.pc + 1 & 0xFFFF
        return value

    def fetch_word(self) -> int:
        return self.fetch() | self.fetch() << 8

    def load(self, operand: Operand) -> int:
        return self.a if operand.address is None else self.bus.read(operand.address)

    def store(self, operand: Operand, value: int) -> None:
        if operand.address is None:
            self.a = value
        else:
            self.bus.write(operand.address, value)

    @staticmethod
    def address_of(operand: Operand) -> int:
        if operand.address is None:
            raise ValueError("a jump needs somewhere to go")
        return operand.address

    def push(self, value: int) -> None:
        """The stack grows downwards, and wraps round within its page without a word."""
        self.bus.write(STACK_PAGE | self.sp, value & 0xFF)
        self.sp = self.sp - 1 & 0xFF

    def pull(self) -> int:
        self.sp = self.sp + 1 & 0xFF
        return self.bus.read(STACK_PAGE | self.sp)

    def push_word(self, value: int) -> None:
        self.push(value >> 8)
        self.push(value)

    def pull_word(self) -> int:
        return self.pull() | self.pull() << 8

    def has(self, flag: Flag) -> bool:
        return bool(self.status & flag)

    def put(self, flag: Flag, on: bool) -> None:
        self.status = int(self.status | flag if on else self.status & ~flag)

    def note(self, value: int) -> int:
        """Sets the zero and negative flags from a result, and returns it."""
        self.put(Flag.ZERO, value == 0)
        self.put(Flag.NEGATIVE, bool(value & 0x80))
        return value

    def __repr__(self) -> str:
        return (
            f"A={self.a:02X} X={self.x:02X} Y={self.y:02X} SP={self.sp:02X} "
            f"PC={self.pc:04X} {status_letters(self.status)} cycle {self.cycles}"
        )


# --- reading programs --------------------------------------------------------------------------


@dataclass(frozen=True, slots=True)
class Line:
    """One line of a listing."""

    address: int
    content: bytes
    text: str

    def __str__(self) -> str:
        codes = " ".join(f"{byte:02X}" for byte in self.content)
        return f"{self.address:04X}  {codes:<8}  {self.text}"


def disassemble(bus: Bus, first: int, last: int, labels: dict[int, str] | None = None) -> Iterator[Line]:
    """Turns memory back into mnemonics. What is no instruction is listed as `.byte`."""
    labels = labels or {}
    address = first
    while address <= last:
        row = BY_OPCODE.get(bus.read(address))
        if row is None or address + row.mode.n_bytes - 1 > last:
            value = bus.read(address)
            yield Line(address, bytes([value]), f".byte ${value:02X}")
            address += 1
            continue
        content = bytes(bus.read(address + i) for i in range(row.mode.n_bytes))
        number = int.from_bytes(content[1:], "little")
        if row.mode is Mode.RELATIVE:
            distance = number - 0x100 if number >= 0x80 else number
            number = (address + 2 + distance) & 0xFFFF
        if number in labels and row.mode.n_bytes == 3 or row.mode is Mode.RELATIVE and number in labels:
            argument = row.mode.syntax.replace("${0:04X}", labels[number])
        else:
            argument = row.mode.syntax.format(number)
        yield Line(address, content, f"{row.mnemonic} {argument}".rstrip())
        address += row.mode.n_bytes


# --- writing programs --------------------------------------------------------------------------


class AssemblyError(Exception):
    """A line of source text that cannot be translated; the message has its number."""


@dataclass(slots=True)
class Program:
    """Machine code and where its labels ended up."""

    origin: int
    content: bytearray = field(default_factory=bytearray)
    labels: dict[str, int] = field(default_factory=dict)


def assemble(source: str, origin: int = 0x8000) -> Program:
    """Translates a small dialect: labels with a colon, `;` for remarks, `.byte` and `.word`.

    Works in two passes. The first measures every line, so that the second knows where labels are
    that come further down.
    """
    lines = list(clean_lines(source))
    program = Program(origin)
    address = origin
    for number, label, statement in lines:
        if label:
            if label in program.labels:
                raise AssemblyError(f"line {number}: the label {label} is there twice")
            program.labels[label] = address
        if statement:
            address += measure(number, statement)
    for number, _, statement in lines:
        if statement:
            here = origin + len(program.content)
            program.content += translate(number, statement, here, program.labels)
    return program


def clean_lines(source: str) -> Iterator[tuple[int, str, str]]:
    """Line number, label and statement of every line that has either."""
    for number, line in enumerate(source.splitlines(), 1):
        text = line.partition(";")[0].strip()
        label, colon, statement = text.partition(":")
        if not colon:
            label, statement = "", text
        if label or statement.strip():
            yield number, label.strip(), statement.strip()


def recognise_mode(mnemonic: str, argument: str) -> Mode | None:
    """The addressing mode of an argument, judged by its punctuation and its size."""
    text = argument.replace(" ", "").upper()
    if not text:
        return Mode.IMPLIED
    if text == "A":
        return Mode.ACCUMULATOR
    if (mnemonic, Mode.RELATIVE) in BY_NAME:
        return Mode.RELATIVE
    if text.startswith("#"):
        return Mode.IMMEDIATE
    if text.endswith(",X)"):
        return Mode.INDIRECT_X
    if text.endswith("),Y"):
        return Mode.INDIRECT_Y
    if text.startswith("("):
        return Mode.INDIRECT
    body, _, index = text.partition(",")
    short = body.startswith("$") and len(body) <= 3
    modes = {
        ("", True): Mode.ZERO_PAGE,
        ("X", True): Mode.ZERO_PAGE_X,
        ("Y", True): Mode.ZERO_PAGE_Y,
        ("", False): Mode.ABSOLUTE,
        ("X", False): Mode.ABSOLUTE_X,
        ("Y", False): Mode.ABSOLUTE_Y,
    }
    return modes.get((index, short))


def split_statement(statement: str) -> tuple[str, str]:
    mnemonic, _, argument = statement.partition(" ")
    return mnemonic.upper(), argument.strip()


def measure(number: int, statement: str) -> int:
    mnemonic, argument = split_statement(statement)
    if mnemonic == ".BYTE":
        return len(argument.split(","))
    if mnemonic == ".WORD":
        return 2 * len(argument.split(","))
    mode = recognise_mode(mnemonic, argument)
    if mode is None or (mnemonic, mode) not in BY_NAME:
        raise AssemblyError(f"line {number}: {statement!r} is no instruction")
    return mode.n_bytes


def evaluate(number: int, text: str, labels: dict[str, int]) -> int:
    """`$1F`, `%1010`, `31`, a label, and `<label` or `>label` for its low or high byte."""
    text = text.strip().strip("#()").strip()
    if text[:1] in ("<", ">"):
        value = evaluate(number, text[1:], labels)
        return value & 0xFF if text[0] == "<" else value >> 8
    try:
        if text.startswith("$"):
            return int(text[1:], 16)
        if text.startswith("%"):
            return int(text[1:], 2)
        return labels[text] if text in labels else int(text)
    except ValueError:
        raise AssemblyError(f"line {number}: {text!r} is neither a number nor a label") from None


def translate(number: int, statement: str, here: int, labels: dict[str, int]) -> bytes:
    mnemonic, argument = split_statement(statement)
    if mnemonic == ".BYTE":
        return bytes(evaluate(number, part, labels) & 0xFF for part in argument.split(","))
    if mnemonic == ".WORD":
        words = (evaluate(number, part, labels) for part in argument.split(","))
        return b"".join(word.to_bytes(2, "little") for word in words)
    mode = recognise_mode(mnemonic, argument)
    row = BY_NAME[mnemonic, mode] if mode else None
    if row is None:
        raise AssemblyError(f"line {number}: {statement!r} is no instruction")
    if row.mode.n_bytes == 1:
        return bytes([row.opcode])
    value = evaluate(number, argument.partition(",")[0], labels)
    if row.mode is Mode.RELATIVE:
        distance = value - (here + 2)
        if not -128 <= distance <= 127:
            raise AssemblyError(f"line {number}: {argument} is {distance} bytes away, too far for a branch")
        value = distance & 0xFF
    return bytes([row.opcode]) + value.to_bytes(row.mode.n_bytes - 1, "little")


# --- looking on --------------------------------------------------------------------------------


class Debugger:
    """Stops a program at interesting places and remembers how it got there."""

    def __init__(self, cpu: Cpu, history: int = 64) -> None:
        self.cpu = cpu
        self.breakpoints: set[int] = set()
        self.visits: dict[int, int] = {}
        self.trail: list[str] = []
        self.history = history

    def run(self, max_steps: int = 1_000_000) -> str:
        """Runs to a breakpoint, an endless loop, or the limit, and says which it was."""
        for _ in range(max_steps):
            before = self.cpu.pc
            self.visits[before] = self.visits.get(before, 0) + 1
            line = next(disassemble(self.cpu.bus, before, before + 2))
            self.trail.append(f"{line}   {self.cpu!r}")
            del self.trail[: -self.history]
            self.cpu.step()
            if self.cpu.pc == before:
                return f"trapped: ${before:04X} jumps to itself"
            if self.cpu.pc in self.breakpoints:
                return f"breakpoint at ${self.cpu.pc:04X}"
        return f"still running after {max_steps} steps"

    def hottest(self, n: int = 10) -> list[tuple[int, int]]:
        """The addresses at which the most time was spent, for finding the inner loop."""
        return sorted(self.visits.items(), key=lambda item: -item[1])[:n]

    def watch(self, addresses: Iterable[int], report: Callable[[str], None]) -> None:
        """Calls `report` whenever one of the addresses is written to."""

        def written(address: int, value: int) -> None:
            report(f"${address:04X} := ${value:02X} from ${self.cpu.pc:04X}")

        for address in addresses:
            self.cpu.bus.watchpoints[address] = written
