import Adaptation
import Autodiff
import Kernels
import Optimization

/// What clipping takes off a gradient, for rates that compare losses: the direction follows what is left, the loss falls
/// by the whole. Begun when clipping first changes a gradient.
final class ClippedPart: StepMemory {
  let names = ["clipped_part"]
  /// Of the direction's own average of the gradient: that average without clipping is the sum of both.
  private var part: Storage?
  /// The same after the step in progress, which may be called off.
  private var next: Storage?
  /// The gradient before it was clipped, where clipping has changed one at this step.
  private var whole: Storage?
  private var isActive = false
  private var rooms: [Storage] = []

  func vectors(of slot: ParameterSlot) -> [(name: String, storage: Storage)] { named(part) }
  func restore(_ slot: ParameterSlot, _ saved: (String) -> Storage?) { part = saved(names[0]) }

  func allocate(_ slot: ParameterSlot, _ moment: StepMoment) throws {
    let ofAverage = moment.averages ? (part == nil ? 1 : 0) + (next == nil ? 1 : 0) : 0
    let wanted = (whole == nil ? 1 : 0) + ofAverage
    while rooms.count < wanted { rooms.append(try Storage(byteCount: slot.tensor.byteCount)) }
  }

  /// The gradient of the loss.
  var gradient: Storage? { isActive ? whole : nil }

  /// Before gradients are clipped.
  func note(_ slot: ParameterSlot) {
    if whole == nil { whole = rooms.removeLast() }
    whole!.copyContents(from: slot.tensor.grad!.storage)
    isActive = true
  }

  /// No gradient is clipped at this step.
  func pass() { isActive = false }

  /// Once the direction is found; `average` is the direction's state vector, if it keeps an average of the gradient.
  func sums(_ slot: ParameterSlot, _ hyper: HyperValues, average: Storage?) -> ClippedSums? {
    guard isActive || part != nil else { return nil }
    let (scalar, count, d) = (slot.scalar, slot.tensor.count, slot.directionPointer)
    func dot(_ a: Storage, _ b: Storage) -> Double { innerProduct(scalar, a.pointer, b.pointer, count) }
    let used = slot.tensor.grad!.storage
    let g = isActive ? whole! : used
    var sums = ClippedSums()
    sums.slope = innerProduct(scalar, g.pointer, d, count)
    guard let average, hyper.smoothing != 0 else {
      sums.smoothedSlope = sums.slope
      sums.average = Alignment(whole2: dot(g, g), used2: dot(used, used), product: dot(g, used))
      return sums
    }
    advance(slot, hyper)
    let (a2, at, t2) = (dot(average, average), dot(average, next!), dot(next!, next!))
    sums.smoothedSlope =
      hyper.smoothing
      * (innerProduct(scalar, average.pointer, d, count) + innerProduct(scalar, next!.pointer, d, count))
    sums.average = Alignment(whole2: a2 + 2 * at + t2, used2: a2, product: a2 + at)
    return sums
  }

  /// The recursion of the direction's average, for what was clipped off.
  private func advance(_ slot: ParameterSlot, _ hyper: HyperValues) {
    let (scalar, count) = (slot.scalar, slot.tensor.count)
    if part == nil {
      part = rooms.removeLast()
      part!.zero()
    }
    if next == nil { next = rooms.removeLast() }
    let (kept, added) = hyper.averaging
    scale(scalar, part!.pointer, kept, next!.pointer, count, false)
    guard isActive else { return }
    addScaled(scalar, next!.pointer, whole!.pointer, added, next!.pointer, count)
    addScaled(scalar, next!.pointer, slot.tensor.grad!.pointer, -added, next!.pointer, count)
  }

  func keep(_ slot: ParameterSlot) {
    if next != nil { swap(&part, &next) }
  }
}

/// Of a vector and of what clipping leaves of it.
struct Alignment {
  var whole2 = 0.0, used2 = 0.0, product = 0.0

  /// 1 where clipping has shortened it alone.
  var cosine: Double {
    let lengths = (whole2 * used2).squareRoot()
    return lengths > 0 && product > 0 ? min(1, product / lengths) : 1
  }

  /// How much longer it was.
  var stretch: Double {
    let ratio = (whole2 / used2).squareRoot()
    return ratio.isFinite && ratio >= 1 ? ratio : 1
  }

  static func += (a: inout Self, b: Self) {
    a.whole2 += b.whole2
    a.used2 += b.used2
    a.product += b.product
  }
}

struct ClippedSums {
  var slope = 0.0, smoothedSlope = 0.0
  /// Of the direction's own average of the gradient.
  var average = Alignment()

  static func += (a: inout Self, b: Self) {
    a.slope += b.slope
    a.smoothedSlope += b.smoothedSlope
    a.average += b.average
  }

  /// Shows a machine the slope of the loss that was measured, along the direction that will be taken.
  func show(_ view: inout StepView, isLinear: Bool) {
    view.slope = slope
    view.smoothedSlope = smoothedSlope
    view.turn = 1 / average.cosine
    if isLinear { view.stretch = average.stretch }
  }
}

extension ParameterSlot {
  /// The gradient of the loss, which clipping may have changed since.
  var lossGradient: Storage { memory(ClippedPart.self)?.gradient ?? tensor.grad!.storage }
}
