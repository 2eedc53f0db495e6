/// What recurrent cells make of their gates, number by number; the products before and after are `RecurrentLayer`'s.
///
/// A gate has two sums, x of the input and h of the hidden state, each with its bias. What a step keeps for its
/// derivatives stands in `Kept`: those are sums and products of it, so one text serves values, and on dual numbers the
/// tangents of the pullback.
public protocol RecurrentCell {
  static var gates: Int { get }
  /// Numbers kept of each unit.
  static var kept: Int { get }
  /// Whether there is a state beside the hidden one.
  static var carries: Bool { get }
  static func step<V: VectorLane>(_ x: Gates<V>, _ h: Gates<V>, _ hidden: V, _ carry: V) -> CellStep<V>
  /// The tangent of `step`.
  static func push<L: Lane>(
    _ kept: Kept<L>, _ x: Gates<L>, _ h: Gates<L>, _ hidden: (L, tangent: L), _ carry: (L, tangent: L)
  ) -> CellStep<L>
  /// The gradients of what `step` was given from those of the states that it made.
  static func pull<L: Lane>(_ kept: Kept<L>, _ hidden: L, _ carry: L, _ gradient: (hidden: L, carry: L))
    -> CellPull<L>
}

/// One number for each gate, the last of four unused where there are three.
public struct Gates<L> {
  var a: L, b: L, c: L, d: L
}

/// The gates after their functions, and what else there is to keep.
public struct Kept<L> {
  var a: L, b: L, c: L, d: L, e: L
}

public struct CellStep<L> {
  var hidden: L, carry: L
  var kept: Kept<L>
}

public struct CellPull<L> {
  var x: Gates<L>, h: Gates<L>
  /// Of the states before, as far as not by way of the gates.
  var hidden: L, carry: L
}

extension Lane {
  @inline(__always)
  fileprivate var square: Self { self * self }
}

/// c' = f c + i g, h' = o tanh(c'); gates in the order i, f, g, o. Kept: the gates and tanh(c').
public enum LSTMCell: RecurrentCell {
  public static var gates: Int { 4 }
  public static var kept: Int { 5 }
  public static var carries: Bool { true }

  @inline(__always)
  public static func step<V: VectorLane>(_ x: Gates<V>, _ h: Gates<V>, _ hidden: V, _ carry: V) -> CellStep<V>
  {
    let (i, f) = (V.sigmoid(x.a + h.a), V.sigmoid(x.b + h.b))
    let (g, o) = (V.tanh(x.c + h.c), V.sigmoid(x.d + h.d))
    let c = f * carry + i * g
    let t = V.tanh(c)
    return CellStep(hidden: o * t, carry: c, kept: Kept(a: i, b: f, c: g, d: o, e: t))
  }

  @inline(__always)
  public static func push<L: Lane>(
    _ k: Kept<L>, _ x: Gates<L>, _ h: Gates<L>, _ hidden: (L, tangent: L), _ carry: (L, tangent: L)
  ) -> CellStep<L> {
    let one = L(1)
    let i = k.a * (one - k.a) * (x.a + h.a)
    let f = k.b * (one - k.b) * (x.b + h.b)
    let g = (one - k.c.square) * (x.c + h.c)
    let o = k.d * (one - k.d) * (x.d + h.d)
    let c = f * carry.0 + k.b * carry.tangent + i * k.c + k.a * g
    let t = (one - k.e.square) * c
    return CellStep(hidden: o * k.e + k.d * t, carry: c, kept: Kept(a: i, b: f, c: g, d: o, e: t))
  }

  @inline(__always)
  public static func pull<L: Lane>(
    _ k: Kept<L>, _ hidden: L, _ carry: L, _ gradient: (hidden: L, carry: L)
  ) -> CellPull<L> {
    let one = L(1)
    let c = gradient.carry + gradient.hidden * k.d * (one - k.e.square)
    let gates = Gates(
      a: c * k.c * (k.a * (one - k.a)), b: c * carry * (k.b * (one - k.b)), c: c * k.a * (one - k.c.square),
      d: gradient.hidden * k.e * (k.d * (one - k.d)))
    return CellPull(x: gates, h: gates, hidden: L(0), carry: c * k.b)
  }
}

/// n = tanh(x_n + r h_n), h' = n + z (h - n); gates in the order r, z, n. Kept: the gates and h_n.
public enum GRUCell: RecurrentCell {
  public static var gates: Int { 3 }
  public static var kept: Int { 4 }
  public static var carries: Bool { false }

  @inline(__always)
  public static func step<V: VectorLane>(_ x: Gates<V>, _ h: Gates<V>, _ hidden: V, _ carry: V) -> CellStep<V>
  {
    let (r, z) = (V.sigmoid(x.a + h.a), V.sigmoid(x.b + h.b))
    let n = V.tanh(x.c + r * h.c)
    return CellStep(hidden: n + z * (hidden - n), carry: carry, kept: Kept(a: r, b: z, c: n, d: h.c, e: h.c))
  }

  @inline(__always)
  public static func push<L: Lane>(
    _ k: Kept<L>, _ x: Gates<L>, _ h: Gates<L>, _ hidden: (L, tangent: L), _ carry: (L, tangent: L)
  ) -> CellStep<L> {
    let one = L(1)
    let r = k.a * (one - k.a) * (x.a + h.a)
    let z = k.b * (one - k.b) * (x.b + h.b)
    let n = (one - k.c.square) * (x.c + r * k.d + k.a * h.c)
    let made = n + z * (hidden.0 - k.c) + k.b * (hidden.tangent - n)
    return CellStep(hidden: made, carry: carry.tangent, kept: Kept(a: r, b: z, c: n, d: h.c, e: h.c))
  }

  @inline(__always)
  public static func pull<L: Lane>(
    _ k: Kept<L>, _ hidden: L, _ carry: L, _ gradient: (hidden: L, carry: L)
  ) -> CellPull<L> {
    let (one, g) = (L(1), gradient.hidden)
    let n = g * (one - k.b) * (one - k.c.square)
    let z = g * (hidden - k.c) * (k.b * (one - k.b))
    let r = n * k.d * (k.a * (one - k.a))
    return CellPull(
      x: Gates(a: r, b: z, c: n, d: L(0)), h: Gates(a: r, b: z, c: n * k.a, d: L(0)), hidden: g * k.b,
      carry: L(0))
  }
}

/// Rows of one time step, each of `hidden` units; what has several numbers for a unit has them `hidden` apart.
struct CellRows {
  var rows: Int, hidden: Int
  /// Sums of the gates, or their tangents; nil: those are zero.
  var x: UnsafeRawPointer?, h: UnsafeRawPointer?
  /// The states before.
  var hiddenBefore: UnsafeRawPointer, carryBefore: UnsafeRawPointer?
  var hiddenTangent: UnsafeRawPointer?, carryTangent: UnsafeRawPointer?
  var kept: UnsafeMutableRawPointer
}

/// Numbers from `at` on of a row, as many as a vector has or as are left; zeros where there is no row.
@inline(__always)
private func read<T: Scalar>(_ p: UnsafePointer<T>?, _ at: Int, _ count: Int) -> T.Vector {
  guard let p else { return T.Vector(0) }
  return count == T.Vector.width ? T.Vector.load(p + at) : T.Vector.load(p + at, count: count)
}

@inline(__always)
private func write<T: Scalar>(_ v: T.Vector, _ p: UnsafeMutablePointer<T>, _ at: Int, _ count: Int) {
  if count == T.Vector.width { v.store(p + at) } else { v.store(p + at, count: count) }
}

@inline(__always)
private func readGates<T: Scalar, C: RecurrentCell>(
  _: C.Type, _ p: UnsafePointer<T>?, _ at: Int, _ hidden: Int, _ count: Int
) -> Gates<T.Vector> {
  Gates(
    a: read(p, at, count), b: read(p, at &+ hidden, count), c: read(p, at &+ 2 &* hidden, count),
    d: C.gates > 3 ? read(p, at &+ 3 &* hidden, count) : T.Vector(0))
}

@inline(__always)
private func writeGates<T: Scalar, C: RecurrentCell>(
  _: C.Type, _ gates: Gates<T.Vector>, _ p: UnsafeMutablePointer<T>, _ at: Int, _ hidden: Int, _ count: Int
) {
  write(gates.a, p, at, count)
  write(gates.b, p, at &+ hidden, count)
  write(gates.c, p, at &+ 2 &* hidden, count)
  if C.gates > 3 { write(gates.d, p, at &+ 3 &* hidden, count) }
}

@inline(__always)
private func readKept<T: Scalar, C: RecurrentCell>(
  _: C.Type, _ p: UnsafePointer<T>?, _ at: Int, _ hidden: Int, _ count: Int
) -> Kept<T.Vector> {
  Kept(
    a: read(p, at, count), b: read(p, at &+ hidden, count), c: read(p, at &+ 2 &* hidden, count),
    d: read(p, at &+ 3 &* hidden, count), e: C.kept > 4 ? read(p, at &+ 4 &* hidden, count) : T.Vector(0))
}

@inline(__always)
private func writeKept<T: Scalar, C: RecurrentCell>(
  _: C.Type, _ kept: Kept<T.Vector>, _ p: UnsafeMutablePointer<T>, _ at: Int, _ hidden: Int, _ count: Int
) {
  write(kept.a, p, at, count)
  write(kept.b, p, at &+ hidden, count)
  write(kept.c, p, at &+ 2 &* hidden, count)
  write(kept.d, p, at &+ 3 &* hidden, count)
  if C.kept > 4 { write(kept.e, p, at &+ 4 &* hidden, count) }
}

/// Calls with row, first unit and number of units of every vector.
@inline(__always)
private func forEachVector<T: Scalar>(
  _: T.Type, _ rows: Int, _ hidden: Int, _ body: (_ row: Int, _ unit: Int, _ count: Int) -> Void
) {
  for row in 0..<rows {
    var unit = 0
    while unit < hidden {
      body(row, unit, min(T.Vector.width, hidden &- unit))
      unit &+= T.Vector.width
    }
  }
}

extension UnsafeRawPointer {
  @inline(__always)
  fileprivate func of<T>(_: T.Type) -> UnsafePointer<T> { assumingMemoryBound(to: T.self) }
}

extension UnsafeMutableRawPointer {
  @inline(__always)
  fileprivate func of<T>(_: T.Type) -> UnsafeMutablePointer<T> { assumingMemoryBound(to: T.self) }
}

/// The states after a step.
@specialized(where T == Float, C == LSTMCell)
@specialized(where T == Double, C == LSTMCell)
@specialized(where T == Float, C == GRUCell)
@specialized(where T == Double, C == GRUCell)
func stepRows<T: Scalar, C: RecurrentCell>(
  _: T.Type, _: C.Type, _ r: CellRows, _ hidden: UnsafeMutableRawPointer, _ carry: UnsafeMutableRawPointer?
) {
  let n = r.hidden
  let (x, h) = (r.x?.of(T.self), r.h?.of(T.self))
  let (before, carryBefore) = (r.hiddenBefore.of(T.self), r.carryBefore?.of(T.self))
  let (hidden, carry, kept) = (hidden.of(T.self), carry?.of(T.self), r.kept.of(T.self))
  forEachVector(T.self, r.rows, n) { row, unit, count in
    let (gate, at) = (row &* C.gates &* n &+ unit, row &* n &+ unit)
    let made = C.step(
      readGates(C.self, x, gate, n, count), readGates(C.self, h, gate, n, count), read(before, at, count),
      read(carryBefore, at, count))
    write(made.hidden, hidden, at, count)
    if C.carries { write(made.carry, carry.unsafelyUnwrapped, at, count) }
    writeKept(C.self, made.kept, kept, row &* C.kept &* n &+ unit, n, count)
  }
}

/// The tangents of the states after a step, and those of what it keeps.
@specialized(where T == Float, C == LSTMCell)
@specialized(where T == Double, C == LSTMCell)
@specialized(where T == Float, C == GRUCell)
@specialized(where T == Double, C == GRUCell)
func pushRows<T: Scalar, C: RecurrentCell>(
  _: T.Type, _: C.Type, _ r: CellRows, _ hidden: UnsafeMutableRawPointer, _ carry: UnsafeMutableRawPointer?,
  _ keptTangent: UnsafeMutableRawPointer
) {
  let n = r.hidden
  let (x, h) = (r.x?.of(T.self), r.h?.of(T.self))
  let (before, carryBefore) = (r.hiddenBefore.of(T.self), r.carryBefore?.of(T.self))
  let (beforeTangent, carryTangent) = (r.hiddenTangent?.of(T.self), r.carryTangent?.of(T.self))
  let (hidden, carry) = (hidden.of(T.self), carry?.of(T.self))
  let (kept, keptTangent) = (UnsafePointer(r.kept.of(T.self)), keptTangent.of(T.self))
  forEachVector(T.self, r.rows, n) { row, unit, count in
    let (gate, at, place) = (row &* C.gates &* n &+ unit, row &* n &+ unit, row &* C.kept &* n &+ unit)
    let made = C.push(
      readKept(C.self, kept, place, n, count), readGates(C.self, x, gate, n, count),
      readGates(C.self, h, gate, n, count),
      (read(before, at, count), tangent: read(beforeTangent, at, count)),
      (read(carryBefore, at, count), tangent: read(carryTangent, at, count)))
    write(made.hidden, hidden, at, count)
    if C.carries { write(made.carry, carry.unsafelyUnwrapped, at, count) }
    writeKept(C.self, made.kept, keptTangent, place, n, count)
  }
}

/// Gradients of a step: those of the states after it, and where those of what it was given go.
struct CellGradients {
  /// Of the result, if there is any, to which those of the next step are added.
  var hiddenResult: UnsafeRawPointer?, carryResult: UnsafeRawPointer?
  /// Of the states: what the next step left, and then what this one leaves.
  var hidden: UnsafeMutableRawPointer, carry: UnsafeMutableRawPointer?
  /// The sums of both, kept for the tangents.
  var hiddenTotal: UnsafeMutableRawPointer, carryTotal: UnsafeMutableRawPointer?
  var x: UnsafeMutableRawPointer, h: UnsafeMutableRawPointer
}

@specialized(where T == Float, C == LSTMCell)
@specialized(where T == Double, C == LSTMCell)
@specialized(where T == Float, C == GRUCell)
@specialized(where T == Double, C == GRUCell)
func pullRows<T: Scalar, C: RecurrentCell>(_: T.Type, _: C.Type, _ r: CellRows, _ g: CellGradients) {
  let n = r.hidden
  let (before, carryBefore) = (r.hiddenBefore.of(T.self), r.carryBefore?.of(T.self))
  let kept = UnsafePointer(r.kept.of(T.self))
  let (hiddenResult, carryResult) = (g.hiddenResult?.of(T.self), g.carryResult?.of(T.self))
  let (hidden, carry) = (g.hidden.of(T.self), g.carry?.of(T.self))
  let (hiddenTotal, carryTotal) = (g.hiddenTotal.of(T.self), g.carryTotal?.of(T.self))
  let (x, h) = (g.x.of(T.self), g.h.of(T.self))
  forEachVector(T.self, r.rows, n) { row, unit, count in
    let (gate, at) = (row &* C.gates &* n &+ unit, row &* n &+ unit)
    let gh = read(hiddenResult, at, count) + read(UnsafePointer(hidden), at, count)
    var gc = T.Vector(0)
    write(gh, hiddenTotal, at, count)
    if C.carries {
      gc = read(carryResult, at, count) + read(carry.map { UnsafePointer($0) }, at, count)
      write(gc, carryTotal.unsafelyUnwrapped, at, count)
    }
    let pulled = C.pull(
      readKept(C.self, kept, row &* C.kept &* n &+ unit, n, count), read(before, at, count),
      read(carryBefore, at, count), (hidden: gh, carry: gc))
    writeGates(C.self, pulled.x, x, gate, n, count)
    if !C.carries { writeGates(C.self, pulled.h, h, gate, n, count) }
    write(pulled.hidden, hidden, at, count)
    if C.carries { write(pulled.carry, carry.unsafelyUnwrapped, at, count) }
  }
}

/// The tangents of `pullRows`, whose totals are known: on dual numbers. `keptTangent` nil: nothing that was kept moves.
@specialized(where T == Float, C == LSTMCell)
@specialized(where T == Double, C == LSTMCell)
@specialized(where T == Float, C == GRUCell)
@specialized(where T == Double, C == GRUCell)
func pullTangentRows<T: Scalar, C: RecurrentCell>(
  _: T.Type, _: C.Type, _ r: CellRows, _ keptTangent: UnsafeRawPointer?, _ g: CellGradients
) {
  let n = r.hidden
  let (before, carryBefore) = (r.hiddenBefore.of(T.self), r.carryBefore?.of(T.self))
  let (beforeTangent, carryTangent) = (r.hiddenTangent?.of(T.self), r.carryTangent?.of(T.self))
  let (kept, keptTangent) = (UnsafePointer(r.kept.of(T.self)), keptTangent?.of(T.self))
  let (hiddenResult, carryResult) = (g.hiddenResult?.of(T.self), g.carryResult?.of(T.self))
  let (hidden, carry) = (g.hidden.of(T.self), g.carry?.of(T.self))
  let (hiddenTotal, carryTotal) = (g.hiddenTotal.of(T.self), g.carryTotal?.of(T.self))
  let (x, h) = (g.x.of(T.self), g.h.of(T.self))
  typealias D = Dual<T.Vector>
  forEachVector(T.self, r.rows, n) { row, unit, count in
    let (gate, at, place) = (row &* C.gates &* n &+ unit, row &* n &+ unit, row &* C.kept &* n &+ unit)
    let gh = read(hiddenResult, at, count) + read(UnsafePointer(hidden), at, count)
    let gc = read(carryResult, at, count) + read(carry.map { UnsafePointer($0) }, at, count)
    let (k, dk) = (readKept(C.self, kept, place, n, count), readKept(C.self, keptTangent, place, n, count))
    let pulled = C.pull(
      Kept(
        a: D(k.a, tangent: dk.a), b: D(k.b, tangent: dk.b), c: D(k.c, tangent: dk.c),
        d: D(k.d, tangent: dk.d), e: D(k.e, tangent: dk.e)),
      D(read(before, at, count), tangent: read(beforeTangent, at, count)),
      D(read(carryBefore, at, count), tangent: read(carryTangent, at, count)),
      (
        hidden: D(read(UnsafePointer(hiddenTotal), at, count), tangent: gh),
        carry: D(read(carryTotal.map { UnsafePointer($0) }, at, count), tangent: gc)
      ))
    writeGates(C.self, tangents(pulled.x), x, gate, n, count)
    if !C.carries { writeGates(C.self, tangents(pulled.h), h, gate, n, count) }
    write(pulled.hidden.tangent, hidden, at, count)
    if C.carries { write(pulled.carry.tangent, carry.unsafelyUnwrapped, at, count) }
  }
}

@inline(__always)
private func tangents<V>(_ gates: Gates<Dual<V>>) -> Gates<V> {
  Gates(a: gates.a.tangent, b: gates.b.tangent, c: gates.c.tangent, d: gates.d.tangent)
}
