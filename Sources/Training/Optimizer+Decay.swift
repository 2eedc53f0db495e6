import Adaptation
import Kernels
import Optimization

/// What coupled weight decay, decay |theta|^2 / 2 over all parameters, adds to a loss and to its derivatives along the
/// direction d, so that a rate sees the loss whose gradient is followed.
struct DecaySums {
  var loss = 0.0
  /// <decay theta, d>
  var slope = 0.0
  /// Of |g + decay theta|^2, beyond |g|^2.
  var gradientNorm2 = 0.0
  /// decay |d|^2
  var curvature = 0.0
}

extension Optimizer {
  /// Where the parameters stand now.
  func decayAlongDirection(_ active: [ParameterSlot]) -> DecaySums {
    var sums = DecaySums()
    for slot in active {
      let decay = hyper(slot).decay
      if decay == 0 { continue }
      let (scalar, count) = (slot.scalar, slot.tensor.count)
      let (theta, d) = (slot.tensor.pointer, slot.directionPointer)
      let norm2 = innerProduct(scalar, theta, theta, count)
      sums.loss += decay * norm2 / 2
      sums.slope += decay * innerProduct(scalar, theta, d, count)
      sums.curvature += decay * innerProduct(scalar, d, d, count)
      let dot = slot.tensor.grad.map { innerProduct(scalar, $0.pointer, theta, count) } ?? 0
      sums.gradientNorm2 += 2 * decay * dot + decay * decay * norm2
    }
    return sums
  }

  func show(_ decay: DecaySums, _ view: inout StepView) {
    view.loss += decay.loss
    view.slope += decay.slope
    view.gradientNorm2 += decay.gradientNorm2
  }
}
