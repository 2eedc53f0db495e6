/// Changes to a recorded graph after which it gives the same numbers in fewer passes over memory.
extension Recorder {
  /// max_pool(relu(z)) as relu(max_pool(z)), which rectifies only what the pool has chosen. The two agree bit for bit, in
  /// derivatives, too: where all of a window is rectified any choice has the derivative zero.
  ///
  /// Only where nothing but the pool reads what the relu gives.
  static func pooledBeforeRectified(_ steps: [Step], _ outputs: [Tensor]) throws -> [Step] {
    var readers: [ObjectIdentifier: Int] = [:]
    for tensor in steps.flatMap(\.inputs) + outputs {
      readers[ObjectIdentifier(tensor.storage.whole), default: 0] += 1
    }
    var makers: [ObjectIdentifier: Int] = [:]
    for (i, step) in steps.enumerated() { makers[ObjectIdentifier(step.output)] = i }
    var result = steps
    for (i, pool) in steps.enumerated() where pool.op is MaxPoolOp {
      let rectified = pool.inputs[0]
      guard let maker = makers[ObjectIdentifier(rectified)],
        let relu = steps[maker].op as? PointwiseOp, relu.kernels.commutesWithMaximum,
        readers[ObjectIdentifier(rectified.storage.whole)] == 1
      else { continue }
      let smaller = PointwiseOp(
        shape: pool.op.shape, dtype: relu.dtype, kernels: relu.kernels, parameters: relu.parameters)
      let chosen = try Tensor(inPlaceOf: rectified, shape: pool.op.shape)
      if rectified.requiresGrad {
        (chosen.op, chosen.inputs) = (pool.op, steps[maker].inputs)
        (pool.output.op, pool.output.inputs) = (smaller, [chosen])
      }
      result[maker] = Step(op: pool.op, inputs: steps[maker].inputs, output: chosen)
      result[i] = Step(op: smaller, inputs: [chosen], output: pool.output)
    }
    return result
  }
}
