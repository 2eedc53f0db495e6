import Adaptation
import Autodiff
import Kernels

/// The averaged gradient of the epoch at hand, and what the epoch before ended with, for rates that are chosen once per
/// epoch.
final class EpochAverage: StepMemory {
  let names = ["epoch_start", "epoch_average", "epoch_average_before"]
  /// The parameter where the epoch began.
  private var start: Storage?
  private var average: Storage?
  /// Of the epoch before; nil in the first.
  private var before: Storage?
  private var rooms: [Storage] = []

  func vectors(of slot: ParameterSlot) -> [(name: String, storage: Storage)] { named(start, average, before) }

  func restore(_ slot: ParameterSlot, _ saved: (String) -> Storage?) {
    (start, average, before) = (saved(names[0]), saved(names[1]), saved(names[2]))
    // one without the other is no epoch
    if start == nil || average == nil { (start, average, before) = (nil, nil, nil) }
  }

  func allocate(_ slot: ParameterSlot, _ moment: StepMoment) throws {
    let closes = moment.step > 0 && moment.step % moment.epoch == 0
    let wanted = (start == nil ? 2 : 0) + (closes && before == nil ? 1 : 0)
    while rooms.count < wanted { rooms.append(try Storage(byteCount: slot.tensor.byteCount)) }
  }

  func look(at slot: ParameterSlot, _ moment: StepMoment, _ view: inout StepView) {
    if start == nil { begin(slot.tensor) }
    if moment.step > 0, moment.step % moment.epoch == 0, let (s2, sy) = close(slot.tensor) {
      let sum = view.epoch ?? (0, 0)
      view.epoch = (sum.displacement2 + s2, sum.displacementChange + sy)
    }
    let weight = min(1, 10 / Double(moment.epoch))
    interpolate(
      slot.scalar, average!.pointer, slot.lossGradient.pointer, weight, average!.pointer, slot.tensor.count)
  }

  private func begin(_ tensor: Tensor) {
    (start, average) = (rooms.removeLast(), rooms.removeLast())
    start!.copyContents(from: tensor.storage)
    average!.zero()
  }

  /// Ends the epoch: s's and s'y of its displacement and of the change of its average, from the second epoch on.
  private func close(_ tensor: Tensor) -> (displacement2: Double, displacementChange: Double)? {
    let (scalar, count) = (tensor.dtype.scalar, tensor.count)
    guard let start, let average else { return nil }
    var products: (displacement2: Double, displacementChange: Double)?
    if let before {
      addScaled(scalar, tensor.pointer, start.pointer, -1, start.pointer, count)
      let sums = previousSums(
        scalar, gradient: average.pointer, direction: start.pointer, parameter: nil,
        gradientBefore: UnsafeRawPointer(before.pointer), count)
      products = (sums.direction2, sums.changeDirection)
    }
    start.copyContents(from: tensor.storage)
    let free = before ?? rooms.removeLast()
    before = average
    free.zero()
    self.average = free
    return products
  }
}
