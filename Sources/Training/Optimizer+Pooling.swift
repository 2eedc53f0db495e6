import Adaptation
import Vocabulary

/// Rates per tensor, shrunk towards the rate of all by their measured noise: one machine for all tensors (number 0) and
/// one for each. The machine of all decides the level, the others how the tensors differ from it.
extension Optimizer {
  /// What the machine of all sees: the sums over the tensors. The step before, which it judges, is the one that was
  /// taken: its direction is that of every tensor, times the tensor's factor on the common rate.
  func sumViews(_ active: [ParameterSlot], _ views: inout [StepView]) {
    for slot in active {
      let view = views[machineIndex(slot)]
      views[0].slope += view.slope
      views[0].smoothedSlope += view.smoothedSlope
      views[0].gradientNorm2 += view.gradientNorm2
      views[0].travelled2 += view.travelled2
      views[0].startDot += view.startDot
      views[0].start2 += view.start2
      if let window = view.window {
        var sum = views[0].window ?? StepView.Window(previousDot: 0, norm2: 0)
        sum.previousDot += window.previousDot
        sum.norm2 += window.norm2
        views[0].window = sum
      }
      if let p = view.previous {
        let factor = pooled[slot.index].factor
        var sum = views[0].previous ?? StepView.Previous()
        sum.decayedDirectionDot += factor * p.decayedDirectionDot
        sum.decayedGradientNorm2 += p.decayedGradientNorm2
        sum.directionNorm2 += factor * factor * p.directionNorm2
        sum.changeDot += factor * p.changeDot
        sum.changeNorm2 += p.changeNorm2
        sum.rate = p.rate / factor
        views[0].previous = sum
      }
    }
  }

  /// The rates to be taken, by machine. Where the common rate is not positive, or no tensor has a ratio to it, all take
  /// the common rate.
  func pool(_ active: [ParameterSlot], _ views: [StepView], _ taken: [Int: Double]) -> [Int: Double] {
    guard let common = taken[0] else { return [:] }
    for slot in active {
      let index = machineIndex(slot)
      // between windows a rate repeats itself, which is no evidence that it has no noise
      if machineType.memories.contains(.window) && views[index].window == nil { continue }
      guard let own = taken[index], common > 0, own > 0 else { continue }
      let ratio = logarithm(own / common)
      if ratio.isFinite { pooled[slot.index].ratio.observe(ratio) }
    }
    let factors =
      common > 0 ? PooledRatio.factors(active.map { pooled[$0.index].ratio }) : active.map { _ in 1 }
    var rates: [Int: Double] = [:]
    for (slot, factor) in zip(active, factors) {
      let rate = limits.clamp(common * factor)
      rates[machineIndex(slot)] = rate
      // with the limits in it; it divides later
      pooled[slot.index].factor = common != 0 && rate != 0 ? rate / common : 1
    }
    return rates
  }
}

/// What pooling keeps of a tensor.
struct PooledTensor {
  var ratio = PooledRatio()
  /// The tensor's rate over the common rate in the last step.
  var factor = 1.0

  var state: [(name: String, value: Double)] { ratio.state + [("pool_factor", factor)] }

  mutating func restore(_ state: [String: Double]) {
    ratio.restore(state)
    factor = state["pool_factor"] ?? factor
  }
}
