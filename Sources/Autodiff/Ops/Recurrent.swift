import Kernels
import Vocabulary

/// A layer of LSTM or GRU cells over all time steps, fused; the derivatives are those of `RecurrentLayer`.
private final class RecurrentOp: Op {
  private let layer: RecurrentLayer
  private let rows: WalkMap

  init(_ cell: RecurrentLayer.Cell, _ inputs: [Tensor], reverse: Bool) throws {
    let (x, w) = (inputs[0], inputs[1])
    let (steps, batch, hidden) = (x.shape[0], x.shape[1], w.shape[1])
    layer = try RecurrentLayer(
      cell, x.dtype, steps: steps, batch: batch, hidden: hidden, reverse: reverse)
    rows = WalkMap.broadcast([x.shape[2]], to: [steps * batch, x.shape[2]])
    let states = [steps, batch, hidden]
    super.init(shape: cell == .lstm ? [2] + states : states, dtype: x.dtype)
  }

  override func forward(_ inputs: [Tensor], _ output: Tensor) throws {
    layer.run(values(inputs), output.pointer)
  }

  override func push(_ inputs: [Tensor], _ output: Tensor, _ count: Int) throws {
    guard inputs.contains(where: \.tangent.ready) else { return }
    let states = try layer.push(count, values(inputs), output.pointer) { tangents(inputs, $0) }
    let (out, accumulate) = try output.tangent.receive(count * output.byteCount)
    scale(dtype.scalar, states, 1, out, count * output.count, accumulate)
  }

  override func preparePull(_ inputs: [Tensor], _ output: Tensor) throws {
    try layer.pull(values(inputs), output.pointer, output.gradient.pointer)
  }

  override func pull(_ inputs: [Tensor], _ output: Tensor, _ index: Int) throws {
    let input = inputs[index]
    let (out, accumulate) = try input.gradient.receive(input.byteCount)
    let (sums, states) = (layer.gradientOfSums, layer.gradientOfStates)
    switch index {
    case 0: scale(dtype.scalar, sums.x, 1, out, input.count, accumulate)
    case 1: layer.addWeightGradient(sums.h, output.pointer, inputs[3].pointer, out, accumulate)
    case 2: rows.adjoint(dtype, sums.h, out, accumulate)
    case 3: scale(dtype.scalar, states.hidden, 1, out, input.count, accumulate)
    default: scale(dtype.scalar, states.carry, 1, out, input.count, accumulate)
    }
  }

  override func pullTangent(_ inputs: [Tensor], _ output: Tensor, _ index: Int, _ count: Int) throws {
    // One pass serves all inputs, and comes with the first of them that a sweep asks for.
    guard inputs.firstIndex(where: \.requiresGrad) == index else { return }
    let moving = inputs.contains(where: \.tangent.ready)
    let gradient = output.gradientTangent.ready ? UnsafeRawPointer(output.gradientTangent.pointer) : nil
    guard moving || gradient != nil else { return }
    let given = values(inputs)
    try layer.pullTangents(count, given, output.pointer, gradient, moving: moving) { tangents(inputs, $0) }
    for (index, input) in inputs.enumerated() where input.requiresGrad {
      let (start, accumulate) = try input.gradientTangent.receive(count * input.byteCount)
      for k in 0..<count {
        let out = start + k * input.byteCount
        let (sums, states) = (layer.gradientTangentOfSums(k), layer.gradientTangentOfStates(k))
        switch index {
        case 0: scale(dtype.scalar, sums.x, 1, out, input.count, accumulate)
        case 1:
          layer.addWeightGradientTangent(
            k, given, output.pointer, moving: moving, { tangents(inputs, $0) }, out, accumulate)
        case 2: rows.adjoint(dtype, sums.h, out, accumulate)
        case 3: scale(dtype.scalar, states.hidden, 1, out, input.count, accumulate)
        default: scale(dtype.scalar, states.carry, 1, out, input.count, accumulate)
        }
      }
    }
  }

  private func values(_ inputs: [Tensor]) -> RecurrentLayer.Inputs {
    func at(_ i: Int) -> UnsafeRawPointer? { i < inputs.count ? UnsafeRawPointer(inputs[i].pointer) : nil }
    return .init(x: at(0), w: at(1), bias: at(2), hidden: at(3), carry: at(4))
  }

  private func tangents(_ inputs: [Tensor], _ k: Int) -> RecurrentLayer.Inputs {
    func at(_ i: Int) -> UnsafeRawPointer? {
      guard i < inputs.count, inputs[i].tangent.ready else { return nil }
      return UnsafeRawPointer(inputs[i].tangent.pointer + k * inputs[i].byteCount)
    }
    return .init(x: at(0), w: at(1), bias: at(2), hidden: at(3), carry: at(4))
  }
}

private func recurrent(_ name: String, _ cell: RecurrentLayer.Cell) -> Operation {
  let gates = cell.formula.gates
  @Sendable func shapes(_ steps: Int, _ batch: Int, _ hidden: Int) -> [[Int]] {
    let (rows, state) = (gates * hidden, [batch, hidden])
    return [[steps, batch, rows], [rows, hidden], [rows], state] + (cell == .lstm ? [state] : [])
  }
  let count = shapes(1, 1, 1).count
  return Operation(
    name, .fused, inputs: count...count, arguments: ["reverse"],
    examples: [
      .init(shapes(3, 2, 3)), .init(shapes(3, 2, 3), ["reverse": .numbers([1])]), .init(shapes(1, 1, 1)),
      .init(shapes(2, 5, 9)), .init(shapes(2, 0, 3)),
    ]
  ) { inputs, attributes in
    try requireFloating(name, inputs)
    let (x, w) = (inputs[0], inputs[1])
    guard x.rank == 3, x.shape[0] > 0, w.rank == 2, w.shape[1] > 0,
      inputs.map(\.shape) == shapes(x.shape[0], x.shape[1], w.shape[1])
    else {
      throw Failure.shape(
        "\(name): takes x (time, batch, \(gates) hidden), the weight (\(gates) hidden, hidden), the bias (\(gates) hidden,) "
          + "and \(count - 3) states (batch, hidden), got "
          + inputs.map { describe($0.shape) }.joined(separator: ", "))
    }
    let reverse = try attributes.flag("reverse", default: false)
    return try RecurrentOp(cell, inputs, reverse: reverse).apply(inputs)
  }
}

/// The states of LSTM cells after each step, (2, time, batch, hidden): the hidden ones, then the carried ones.
let lstmOperation = recurrent("lstm", .lstm)
/// The hidden states of GRU cells after each step, (time, batch, hidden).
let gruOperation = recurrent("gru", .gru)
