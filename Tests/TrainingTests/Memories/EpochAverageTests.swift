import Adaptation
import Autodiff
import Kernels
import Optimization
import TestSupport
import XCTest

@testable import Training

final class EpochAverageTests: XCTestCase {
  private let tensor = Tensor([3], [1, 2, 3], requiresGrad: true)
  private lazy var slot = makeSlot(tensor, remembers: [.epochAverage])

  /// What a machine sees of step `step` at x with gradient g.
  private func look(
    _ memory: EpochAverage, _ step: Int, at x: [Double], _ g: [Double], epoch: Int = 1
  ) throws -> StepView {
    try tensor.assign(Tensor([3], x))
    tensor.grad = Tensor([3], g)
    var view = StepView(loss: 1)
    let moment = StepMoment(step: step, epoch: epoch, window: 1, decay: 0)
    try memory.allocate(slot, moment)
    memory.look(at: slot, moment, &view)
    return view
  }

  /// s and y by hand: the way between the ends of epochs, the change of their averages; nothing before there are two.
  func testProductsOfTheDisplacementAndTheChange() throws {
    let memory = EpochAverage()
    XCTAssertNil(try look(memory, 0, at: [1, 2, 3], [1, 1, 0]).epoch)
    XCTAssertNil(try look(memory, 1, at: [1, 2, 3], [2, 0, 5]).epoch)
    let first = try XCTUnwrap(look(memory, 2, at: [0, 4, 3], [0, 0, 6]).epoch)
    XCTAssertEqual(first.displacement2, 5)
    XCTAssertEqual(first.displacementChange, -1 * 1 + 2 * -1)
    let saved = Dictionary(
      uniqueKeysWithValues: memory.vectors(of: slot).map { ($0.name, try! $0.storage.copy()) })
    XCTAssertEqual(Set(saved.keys), Set(memory.names))
    let other = EpochAverage()
    other.restore(slot) { saved[$0] }
    for memory in [memory, other] {
      let second = try XCTUnwrap(look(memory, 3, at: [0, 4, 4], [0, 0, 0]).epoch)
      XCTAssertEqual(second.displacement2, 1)
      XCTAssertEqual(second.displacementChange, 1)
    }
    other.restore(slot) { $0 == "epoch_start" ? saved[$0] : nil }
    XCTAssertTrue(other.vectors(of: slot).isEmpty, "one without the other is no epoch")
  }

  /// In epochs of 20 steps a gradient has weight 1/2: 2 and then 4 make 1 and then 2.5.
  func testLongEpochsAverage() throws {
    let memory = EpochAverage()
    for (step, g) in [(0, 2.0), (1, 4)] {
      XCTAssertNil(try look(memory, step, at: [1, 1, 1], [g, 0, 0], epoch: 20).epoch)
    }
    XCTAssertNil(try look(memory, 20, at: [1, 1, 1], [0, 0, 0], epoch: 20).epoch)
    let epoch = try XCTUnwrap(look(memory, 40, at: [3, 1, 1], [0, 0, 0], epoch: 20).epoch)
    XCTAssertEqual(epoch.displacement2, 4)
    XCTAssertEqual(epoch.displacementChange, 2 * (0 - 2.5))
  }
}
