import Adaptation
import Autodiff
import Kernels
import Optimization
import Vocabulary

/// A step that is differentiated by its rate: the graph of the training loss is asked for, then the validation loss and
/// its gradient at the new point. Parameters and vectors change for good only when both are there.
struct OnlineStep {
  let rate: Double
  /// By active parameter, once the step has been differentiated.
  var tangents: [RateTangents] = []
}

extension Optimizer {
  var validates: Bool { machineType is any OnlineMachine.Type }

  func checkClipping() throws {
    guard !clipping.isOn else {
      throw Failure.type(
        "\(machineType.card.title) differentiates the step, which clipping would change: clip_value and clip_norm must be "
          + "left out")
    }
  }

  /// H z of the training loss, the step on duals, and the parameters at the new point.
  func differentiate(_ step: PendingStep, _ online: OnlineStep, _ loss: Tensor) throws -> Request {
    guard online.tangents.isEmpty else { throw Failure.value("the step has asked for the validation loss") }
    var (step, online) = (step, online)
    let discount = (machines[0] as? any OnlineMachine)?.discount ?? 1
    guard step.active.allSatisfy({ $0.tensor.grad != nil }) else {
      throw Failure.value("a parameter has lost its gradient during the step")
    }
    let next = try step.active.map { slot in
      try slot.tangents?.scaled(slot, by: discount) ?? RateTangents(slot)
    }
    let products = try step.active.map { try Storage(zeroed: $0.tensor.byteCount) }
    if discount > 0, step.active.contains(where: { $0.tangents != nil }) {
      let along = zip(step.active, next).map { (leaf: $0.tensor, vector: $1.parameter) }
      try Derivatives.product(loss, along: along) { i, product in
        products[i].pointer.copyMemory(from: product, byteCount: products[i].byteCount)
      }
    }
    for (slot, (tangents, product)) in zip(step.active, zip(next, products)) {
      slot.differentiate(
        hyper(slot), rate: online.rate, factor: step.factors[slot.group], tangents, product)
    }
    online.tangents = next
    for slot in step.active { slot.displace(by: online.rate * step.factors[slot.group]) }
    step.probes += 1
    step.online = online
    return suspend(step, .validation)
  }

  /// The loss and gradient of validation data at the new point end the step. A loss that is not finite makes no Delta.
  func finishOnline(_ step: PendingStep, _ online: OnlineStep, _ loss: Double) throws -> Request {
    guard !online.tangents.isEmpty else { throw Failure.value("the step has asked for the loss tensor") }
    for (slot, tangents) in zip(step.active, online.tangents) { slot.tangents = tangents }
    hypergradient =
      loss.isFinite
      ? slots.reduce(0.0) { sum, slot in
        guard let tangents = slot.tangents, let grad = slot.tensor.grad else { return sum }
        return sum + innerProduct(slot.scalar, grad.pointer, tangents.parameter.pointer, slot.tensor.count)
      } : .infinity
    return try commit(step, [0: online.rate])
  }
}

extension ParameterSlot {
  /// One step on duals; the vectors of the step before are only read.
  func differentiate(
    _ hyper: HyperValues, rate: Double, factor: Double, _ tangents: RateTangents, _ product: Storage
  ) {
    var constants = StepConstants(hyper, rate: rate * factor)
    constants.rate.tangent = factor
    let (s0, s1) = pointers(state, else: tensor.storage)
    let vectors = StepVectors(
      parameter: tensor.pointer, gradient: tensor.grad!.pointer, state0: s0, state1: s1, count: tensor.count,
      clipGradient: .infinity, clipProduct: .infinity)
    let (moved0, moved1) = pointers(tangents.state, else: tangents.parameter)
    var column = TangentColumn(
      parameter: tangents.parameter.pointer, state0: moved0, state1: moved1, product: product.pointer,
      constants: constants)
    withUnsafePointer(to: &column) { column in
      kernels.tangents.advance(vectors, UnsafeBufferPointer(start: column, count: 1))
    }
  }
}
