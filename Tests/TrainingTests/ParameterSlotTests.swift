import Autodiff
import Optimization
import TestSupport
import Vocabulary
import XCTest

@testable import Training

final class ParameterSlotTests: XCTestCase {
  private func slot(
    _ x: [Double], _ direction: String, _ arguments: [String: Double] = [:], _ dtype: DType = .float64
  ) throws -> (ParameterSlot, any Direction) {
    let type = try DirectionCatalogue.find(direction)
    let made = try type.init(type.card.read(Attributes(direction, numbers: arguments)))
    let tensor = Tensor([x.count], x, dtype, requiresGrad: true)
    tensor.grad = Tensor([x.count], x.map { 2 * $0 }, dtype)
    return (try! ParameterSlot(tensor, "w", 0, 0, made), made)
  }

  private func direct(_ slot: ParameterSlot, _ h: HyperValues, revocable: Bool) -> DirectionSums {
    let moment = StepMoment(step: slot.steps, epoch: 1, window: 1, decay: 0)
    try! slot.allocate(moment, revocable: revocable, displaces: true)
    let part = try! slot.prepare(h, revocable: revocable)
    return findDirections([part], into: [slot.directionPointer])[0]
  }

  /// Displacements start from where the parameter was, and leave no trace.
  func testDisplacements() throws {
    let x = [1.0, -2, 1.0 / 3]
    let (slot, direction) = try slot(x, "sgd")
    let bytes = slot.tensor.bytes
    let sums = direct(slot, direction.hyper(1), revocable: true)
    XCTAssertEqual(sums.slope, 4 * dot(x, x), accuracy: 1e-14)
    for length in [0.25, 1e6, -3] {
      slot.displace(by: length)
      for (got, x) in zip(slot.tensor.values, x) { XCTAssertEqual(got, x - length * 2 * x, accuracy: 1e-9) }
    }
    slot.restore()
    XCTAssertEqual(slot.tensor.bytes, bytes)
    slot.restore()
    XCTAssertEqual(slot.tensor.bytes, bytes)
    slot.displace(by: 0.5)
    slot.commit(rate: 0.25, revocable: true)
    XCTAssertEqual(slot.tensor.values, x.map { $0 - 0.5 * $0 })
    XCTAssertEqual(slot.rate, 0.25)
    XCTAssertEqual(slot.steps, 1)
  }

  /// A revocable step keeps the old state until it is done; without a rate the parameter stays and the state moves on.
  func testRevocableState() throws {
    let (slot, direction) = try slot([1, 2], "sgd", ["momentum": 0.5])
    func momentum() -> [Double] {
      (0..<2).map { slot.state[0].pointer.load(fromByteOffset: 8 * $0, as: Double.self) }
    }
    _ = direct(slot, direction.hyper(1), revocable: true)
    XCTAssertEqual(momentum(), [0, 0])
    slot.commit(rate: nil, revocable: true)
    XCTAssertEqual(momentum(), [2, 4])
    XCTAssertEqual(slot.tensor.values, [1, 2])
    _ = direct(slot, direction.hyper(2), revocable: false)
    XCTAssertEqual(momentum(), [3, 6])
    slot.commit(rate: 0.5, revocable: false)
    XCTAssertEqual(slot.tensor.values, [-0.5, -1])
    XCTAssertEqual(slot.steps, 2)
    slot.resetState()
    XCTAssertEqual(momentum(), [0, 0])
    XCTAssertEqual(slot.steps, 0)
  }

  func testTheStepInOnePass() throws {
    for dtype in [DType.float32, .float64] {
      let (slot, direction) = try slot([1, -4, 0.5], "sgd", [:], dtype)
      takeSteps([slot.part(direction.hyper(1))], rates: [0.25])
      XCTAssertEqual(slot.tensor.values, [0.5, -2, 0.25])
    }
  }

  func testStateBeginsAsTheDirectionSays() throws {
    let (slot, _) = try slot([1, 2], "adagrad", ["initial_accumulator_value": 0.75])
    func sums() -> [Double] {
      (0..<2).map { slot.state[0].pointer.load(fromByteOffset: 8 * $0, as: Double.self) }
    }
    XCTAssertEqual(sums(), [0.75, 0.75])
    slot.state[0].zero()
    slot.resetState()
    XCTAssertEqual(sums(), [0.75, 0.75])
  }
}
