import CVector
import Vocabulary

/// A layer of recurrent cells over all time steps: one product a step for all gates, the rest of the step in one pass.
///
/// x: what the input gives the gates, [steps][batch][gates hidden]; w: weights of the hidden state, [gates hidden][hidden];
/// the result: the hidden state after each step, then the carried one, each [steps][batch][hidden]. Rows are shared out
/// among threads, each for all steps; every sum is that of one row, so that results have the same bits for any threads.
public final class RecurrentLayer {
  public enum Cell: Sendable {
    case lstm, gru

    public var formula: any RecurrentCell.Type { self == .lstm ? LSTMCell.self : GRUCell.self }
  }

  /// Pointers to the inputs, or to one of their tangents; nil is zero.
  public struct Inputs {
    public var x: UnsafeRawPointer?, w: UnsafeRawPointer?, bias: UnsafeRawPointer?
    public var hidden: UnsafeRawPointer?, carry: UnsafeRawPointer?

    public init(
      x: UnsafeRawPointer?, w: UnsafeRawPointer?, bias: UnsafeRawPointer?, hidden: UnsafeRawPointer?,
      carry: UnsafeRawPointer?
    ) {
      (self.x, self.w, self.bias, self.hidden, self.carry) = (x, w, bias, hidden, carry)
    }

    public var isZero: Bool { x == nil && w == nil && bias == nil && hidden == nil && carry == nil }
  }

  private let dtype: DType
  private let steps: Int, batch: Int, hidden: Int
  /// From the last step to the first.
  private let reverse: Bool
  private let scalar: any Scalar.Type
  private let formula: any RecurrentCell.Type
  private let size: Int
  private var gates: Int { formula.gates * hidden }
  private var carries: Bool { formula.carries }

  private let kept: Storage
  private let transposed: Storage
  /// What a pullback leaves: gradients of both sums of the gates, of the initial states, and totals of all states.
  private struct Pulled {
    let x: Storage, h: Storage
    let hidden: Storage, carry: Storage
    let totals: Storage
  }
  private var pulled: Pulled?
  /// The tangents of the result and of what is kept, one after another.
  private var pushed: (count: Int, states: Storage, kept: Storage)?
  private var pulledTangents: (count: Int, value: Pulled)?

  public init(_ cell: Cell, _ dtype: DType, steps: Int, batch: Int, hidden: Int, reverse: Bool) throws {
    (self.dtype, self.steps, self.batch, self.hidden) = (dtype, steps, batch, hidden)
    (self.reverse, scalar, formula, size) = (reverse, dtype.scalar, cell.formula, dtype.byteCount)
    kept = try Storage(byteCount: max(1, steps * batch * hidden * cell.formula.kept * dtype.byteCount))
    transposed = try Storage(byteCount: (cell.formula.gates * hidden * hidden + 16) * dtype.byteCount)
  }

  // MARK: places

  public var resultCount: Int { (carries ? 2 : 1) * steps * batch * hidden }
  public var gradientOfSums: (x: UnsafeRawPointer, h: UnsafeRawPointer) {
    (UnsafeRawPointer(pulled!.x.pointer), UnsafeRawPointer(pulled!.h.pointer))
  }
  public var gradientOfStates: (hidden: UnsafeRawPointer, carry: UnsafeRawPointer) {
    (UnsafeRawPointer(pulled!.hidden.pointer), UnsafeRawPointer(pulled!.carry.pointer))
  }
  /// Of tangent k.
  public func gradientTangentOfSums(_ k: Int) -> (x: UnsafeRawPointer, h: UnsafeRawPointer) {
    let offset = k * steps * batch * gates * size
    let value = pulledTangents!.value
    return (UnsafeRawPointer(value.x.pointer + offset), UnsafeRawPointer(value.h.pointer + offset))
  }
  public func gradientTangentOfStates(_ k: Int) -> (hidden: UnsafeRawPointer, carry: UnsafeRawPointer) {
    let (offset, value) = (k * batch * hidden * size, pulledTangents!.value)
    return (UnsafeRawPointer(value.hidden.pointer + offset), UnsafeRawPointer(value.carry.pointer + offset))
  }

  /// The place of the s-th step in time, and that of the step before it, nil for the first.
  private func place(_ s: Int) -> (now: Int, before: Int?) {
    let now = reverse ? steps - 1 - s : s
    return (now, s == 0 ? nil : reverse ? now + 1 : now - 1)
  }

  /// Bytes up to row `low` of step t in an array [steps][batch][width].
  private func offset(_ t: Int, _ low: Int, _ width: Int) -> Int { (t * batch + low) * width * size }

  /// State number `state` before step s: the result's, or an initial one.
  private func before(
    _ state: Int, _ at: Int?, _ low: Int, _ result: UnsafeRawPointer?, _ initial: UnsafeRawPointer?
  ) -> UnsafeRawPointer? {
    guard let at else { return initial.map { $0 + low * hidden * size } }
    return result.map { $0 + state * steps * batch * hidden * size + offset(at, low, hidden) }
  }

  /// Calls with the rows of each part, and whether products in it may be shared out once more.
  private func forEachPart(_ body: (_ low: Int, _ rows: Int, _ shared: Bool) -> Void) {
    // OpenBLAS may sum a row otherwise beside other rows.
    let own = GemmChoice.current.kernels(dtype) != nil && steps * batch * gates * hidden > 1 << 20
    let parts = own ? min(ThreadPool.shared.threads, max(1, batch / 4)) : 1
    if parts == 1 { return body(0, batch, true) }
    ThreadPool.shared.run(parts) { part in
      let low = batch * part / parts
      body(low, batch * (part + 1) / parts - low, false)
    }
  }

  private func transpose(_ w: UnsafeRawPointer, _ to: UnsafeMutableRawPointer) {
    GemmKernels.all(dtype).last!.packRows(hidden, gates, w, hidden, to, gates)
  }

  // MARK: values

  public func run(_ inputs: Inputs, _ result: UnsafeMutableRawPointer) {
    let states = steps * batch * hidden * size
    transpose(inputs.w!, transposed.pointer)
    forEachPart { low, rows, shared in
      guard let sums = Storage.room(max(1, rows * gates * size)) else { return }
      for s in 0..<steps {
        let (now, at) = place(s)
        let r = rowsOf(inputs, result, now, at, low, rows, sums: sums.pointer)
        gemm(
          scalar, false, false, rows, gates, hidden, r.hiddenBefore, transposed.pointer, sums.pointer, false,
          GemmFinish(bias: inputs.bias), shared: shared)
        let to = result + offset(now, low, hidden)
        stepRows(scalar, formula, r, to, carries ? to + states : nil)
      }
    }
  }

  private func rowsOf(
    _ inputs: Inputs, _ result: UnsafeRawPointer, _ now: Int, _ at: Int?, _ low: Int, _ rows: Int,
    sums: UnsafeRawPointer?
  ) -> CellRows {
    CellRows(
      rows: rows, hidden: hidden, x: inputs.x.map { $0 + offset(now, low, gates) }, h: sums,
      hiddenBefore: before(0, at, low, result, inputs.hidden)!,
      carryBefore: carries ? before(1, at, low, result, inputs.carry) : nil, hiddenTangent: nil,
      carryTangent: nil, kept: kept.pointer + offset(now, low, formula.kept * hidden))
  }

  // MARK: gradients

  private func room(_ count: Int) throws -> Pulled {
    let (sums, states) = (count * steps * batch * gates * size, count * batch * hidden * size)
    let x = try Storage(byteCount: max(1, sums))
    return Pulled(
      x: x, h: carries ? x : try Storage(byteCount: max(1, sums)),
      hidden: try Storage(byteCount: max(1, states)),
      carry: try Storage(byteCount: max(1, states)),
      totals: try Storage(byteCount: max(1, (count > 0 ? resultCount : 0) * size)))
  }

  /// Gradients of everything but w and the bias, of which they are sums, from that of the result.
  public func pull(_ inputs: Inputs, _ result: UnsafeRawPointer, _ gradient: UnsafeRawPointer) throws {
    if pulled == nil { pulled = try room(1) }
    let (to, states) = (pulled!, steps * batch * hidden * size)
    to.hidden.zero()
    to.carry.zero()
    forEachPart { low, rows, shared in
      for s in (0..<steps).reversed() {
        let (now, at) = place(s)
        let g = gradients(to, 0, gradient, now, low, totals: to.totals.pointer, states)
        pullRows(scalar, formula, rowsOf(inputs, result, now, at, low, rows, sums: nil), g)
        gemm(
          scalar, false, false, rows, hidden, gates, g.h, inputs.w!, g.hidden, true, shared: shared)
      }
    }
  }

  private func gradients(
    _ to: Pulled, _ k: Int, _ gradient: UnsafeRawPointer?, _ now: Int, _ low: Int,
    totals: UnsafeMutableRawPointer, _ states: Int
  ) -> CellGradients {
    let (unit, sums) = (offset(now, low, hidden), k * steps * batch * gates * size + offset(now, low, gates))
    let own = (k * batch + low) * hidden * size
    return CellGradients(
      hiddenResult: gradient.map { $0 + unit },
      carryResult: carries ? gradient.map { $0 + states + unit } : nil, hidden: to.hidden.pointer + own,
      carry: carries ? to.carry.pointer + own : nil, hiddenTotal: totals + unit,
      carryTotal: carries ? totals + states + unit : nil, x: to.x.pointer + sums, h: to.h.pointer + sums)
  }

  /// out (+)= the gradient of w: sums' gradients times the states before, over all steps at once.
  public func addWeightGradient(
    _ sums: UnsafeRawPointer, _ result: UnsafeRawPointer?, _ initial: UnsafeRawPointer?,
    _ out: UnsafeMutableRawPointer, _ accumulate: Bool
  ) {
    // The first step's state is the initial one; those of all others lie one after another.
    let first = offset(reverse ? steps - 1 : 0, 0, gates)
    var accumulate = accumulate
    if let initial {
      gemm(scalar, true, false, gates, hidden, batch, sums + first, initial, out, accumulate)
      accumulate = true
    }
    if let result {
      gemm(
        scalar, true, false, gates, hidden, (steps - 1) * batch, sums + (reverse ? 0 : offset(1, 0, gates)),
        result + (reverse ? offset(1, 0, hidden) : 0), out, accumulate)
    }
  }

  // MARK: tangents

  /// The tangents of the result, `count` of them; inputs of tangent k are `tangents(k)`.
  public func push(
    _ count: Int, _ inputs: Inputs, _ result: UnsafeRawPointer, _ tangents: (Int) -> Inputs
  ) throws -> UnsafeRawPointer {
    let (each, keptEach) = (resultCount * size, steps * batch * hidden * formula.kept * size)
    if pushed == nil || pushed!.count < count {
      pushed = (
        count, try Storage(byteCount: max(1, count * each)), try Storage(byteCount: max(1, count * keptEach))
      )
    }
    let (_, states, keptTangents) = pushed!
    let weights = try Storage(byteCount: (gates * hidden + 16) * size)
    for k in 0..<count {
      let given = tangents(k)
      if let w = given.w { transpose(w, weights.pointer) }
      let to = states.pointer + k * each
      forEachPart { low, rows, shared in
        guard let room = Storage.room(max(1, rows * gates * size)) else { return }
        for s in 0..<steps {
          let (now, at) = place(s)
          var r = rowsOf(inputs, result, now, at, low, rows, sums: nil)
          r.x = given.x.map { $0 + offset(now, low, gates) }
          (r.hiddenTangent, r.carryTangent) = (
            before(0, at, low, to, given.hidden), carries ? before(1, at, low, to, given.carry) : nil
          )
          var products: [(UnsafeRawPointer, UnsafeRawPointer)] = []
          if let moved = r.hiddenTangent { products.append((moved, UnsafeRawPointer(transposed.pointer))) }
          if given.w != nil { products.append((r.hiddenBefore, UnsafeRawPointer(weights.pointer))) }
          if products.isEmpty, let bias = given.bias {
            for row in 0..<rows {
              (room.pointer + row * gates * size).copyMemory(from: bias, byteCount: gates * size)
            }
          }
          for (i, (a, b)) in products.enumerated() {
            gemm(
              scalar, false, false, rows, gates, hidden, a, b, room.pointer, i > 0,
              GemmFinish(bias: i + 1 == products.count ? given.bias : nil), shared: shared)
          }
          r.h = products.isEmpty && given.bias == nil ? nil : UnsafeRawPointer(room.pointer)
          let place = to + offset(now, low, hidden)
          pushRows(
            scalar, formula, r, place, carries ? place + steps * batch * hidden * size : nil,
            keptTangents.pointer + k * keptEach + offset(now, low, formula.kept * hidden))
        }
      }
    }
    return UnsafeRawPointer(states.pointer)
  }

  /// The tangents of the pullback: `gradient` those of the result's gradient, nil where they are zero; `moving`: whether
  /// the inputs have the tangents that were pushed last.
  public func pullTangents(
    _ count: Int, _ inputs: Inputs, _ result: UnsafeRawPointer, _ gradient: UnsafeRawPointer?, moving: Bool,
    _ tangents: (Int) -> Inputs
  ) throws {
    if pulledTangents == nil || pulledTangents!.count < count { pulledTangents = (count, try room(count)) }
    let (to, totals) = (pulledTangents!.value, pulled!.totals.pointer)
    let (each, keptEach) = (resultCount * size, steps * batch * hidden * formula.kept * size)
    let states = steps * batch * hidden * size
    to.hidden.zero()
    to.carry.zero()
    for k in 0..<count {
      let given = tangents(k)
      let moved = moving ? UnsafeRawPointer(pushed!.states.pointer + k * each) : nil
      forEachPart { low, rows, shared in
        for s in (0..<steps).reversed() {
          let (now, at) = place(s)
          var r = rowsOf(inputs, result, now, at, low, rows, sums: nil)
          if moving {
            (r.hiddenTangent, r.carryTangent) = (
              before(0, at, low, moved, given.hidden), carries ? before(1, at, low, moved, given.carry) : nil
            )
          }
          let g = gradients(to, k, gradient.map { $0 + k * each }, now, low, totals: totals, states)
          let keptTangent =
            moving
            ? UnsafeRawPointer(
              pushed!.kept.pointer + k * keptEach + offset(now, low, formula.kept * hidden)) : nil
          pullTangentRows(scalar, formula, r, keptTangent, g)
          gemm(scalar, false, false, rows, hidden, gates, g.h, inputs.w!, g.hidden, true, shared: shared)
          if moving, let w = given.w {
            gemm(
              scalar, false, false, rows, hidden, gates, pulled!.h.pointer + offset(now, low, gates), w,
              g.hidden, true, shared: shared)
          }
        }
      }
    }
  }

  /// The tangent of `addWeightGradient` for tangent k.
  public func addWeightGradientTangent(
    _ k: Int, _ inputs: Inputs, _ result: UnsafeRawPointer, moving: Bool, _ tangents: (Int) -> Inputs,
    _ out: UnsafeMutableRawPointer, _ accumulate: Bool
  ) {
    addWeightGradient(gradientTangentOfSums(k).h, result, inputs.hidden, out, accumulate)
    guard moving else { return }
    addWeightGradient(
      gradientOfSums.h, UnsafeRawPointer(pushed!.states.pointer + k * resultCount * size), tangents(k).hidden,
      out, true)
  }
}
