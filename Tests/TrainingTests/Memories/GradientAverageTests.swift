import Adaptation
import Autodiff
import Kernels
import TestSupport
import XCTest

@testable import Training

final class GradientAverageTests: XCTestCase {
  private let tensor = Tensor([2], [1, -2], requiresGrad: true)
  private lazy var slot = makeSlot(tensor, remembers: [.gradientAverage])

  /// <average, d> of a step with gradient g and direction d.
  private func slope(_ memory: GradientAverage, _ g: [Double], _ d: [Double], decay: Double = 0) throws
    -> Double
  {
    tensor.grad = Tensor([2], g)
    slot.direction = try Tensor([2], d).storage.copy()
    var view = StepView(loss: 1)
    let moment = StepMoment(step: slot.steps, epoch: 1, window: 1, decay: decay)
    try memory.allocate(slot, moment)
    memory.look(at: slot, moment, &view)
    memory.see(slot, &view)
    slot.steps += 1
    return view.averageSlope
  }

  /// By hand, with memory 1/2: g, then (g / 4 + g' / 2) / (3 / 4).
  func testTheAverageIsBiasCorrected() throws {
    let memory = GradientAverage(.init(memory: 0.5))
    XCTAssertEqual(try slope(memory, [2, 4], [1, 1]), 6, accuracy: 1e-12)
    let saved = Dictionary(
      uniqueKeysWithValues: memory.vectors(of: slot).map { ($0.name, try! $0.storage.copy()) })
    XCTAssertEqual(Array(saved.keys), memory.names)
    let other = GradientAverage(.init(memory: 0.5))
    other.restore(slot) { saved[$0] }
    for memory in [memory, other] {
      slot.steps = 1
      XCTAssertEqual(try slope(memory, [0, 8], [1, 2]), (0.5 + 2 * (1 + 4)) / 0.75, accuracy: 1e-12)
    }
  }

  func testDecayIsAPartOfTheGradientWhereItIsOneOfTheLoss() throws {
    let (without, with) = (
      GradientAverage(.init(memory: 0.5)), GradientAverage(.init(memory: 0.5, includesDecay: true))
    )
    XCTAssertEqual(try slope(without, [2, 4], [1, 1], decay: 0.5), 6, accuracy: 1e-12)
    slot.steps = 0
    XCTAssertEqual(try slope(with, [2, 4], [1, 1], decay: 0.5), 6 + 0.5 * (1 - 2), accuracy: 1e-12)
  }
}
