import Adaptation
import Kernels
import Optimization
import Vocabulary

/// Limits of the gradient, infinite when off: of each entry, and of the norm over all parameters. As PyTorch's
/// clip_grad_value_ and clip_grad_norm_.
struct Clipping {
  private let value, norm: Double

  private static let arguments = ["clip_value", "clip_norm"]

  init(_ given: Attributes) throws {
    func limit(_ name: String) throws -> Double {
      let limit = try given.number(name, default: .infinity)
      guard Bounds.positiveOrInfinite.contains(limit) else {
        throw Failure.value("\(given.owner): \(name) must be \(Bounds.positiveOrInfinite), got \(limit)")
      }
      return limit
    }
    (value, norm) = (try limit(Self.arguments[0]), try limit(Self.arguments[1]))
  }

  /// The direction's own arguments.
  static func remaining(_ given: Attributes) -> Attributes {
    Attributes(given.owner, given.values.filter { !arguments.contains($0.key) })
  }

  var isOn: Bool { value < .infinity || norm < .infinity }

  /// Clips gradients in place, of which `length` is the norm over all.
  func apply(to active: [ParameterSlot], length: Double) {
    let factor = min(1, norm / (length + 1e-6))
    for slot in active {
      guard let clipped = slot.memory(ClippedPart.self) else { continue }
      if factor < 1 || value < .infinity { clipped.note(slot) } else { clipped.pass() }
    }
    for slot in active {
      clip(slot.scalar, slot.tensor.grad!.pointer, slot.tensor.count, scale: factor, limit: value)
    }
  }
}

extension Optimizer {
  var keepsClipped: Bool { clipping.isOn && machineType.seesLoss && !isWhole }

  /// Shows the machines the loss as it is beside a direction made of clipped gradients.
  func showClipped(_ active: [ParameterSlot], _ hypers: [HyperValues], _ views: inout [StepView]) {
    var sums: [Int: ClippedSums] = [:]
    for (slot, hyper) in zip(active, hypers) {
      let average = slot.newAverage(revocable: machineType.probes)
      guard let found = slot.memory(ClippedPart.self)?.sums(slot, hyper, average: average) else { continue }
      sums[machineIndex(slot), default: ClippedSums()] += found
    }
    for (index, found) in sums { found.show(&views[index], isLinear: directionType.isLinear) }
  }
}
