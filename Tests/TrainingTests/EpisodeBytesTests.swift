import TestSupport
import Vocabulary
import XCTest

@testable import Training

final class EpisodeBytesTests: XCTestCase {
  private func source(_ bytes: EpisodeBytes) -> EpisodeBytes {
    bytes.bytes.withUnsafeBytes { EpisodeBytes($0) }
  }

  func testWhatIsPutIsTaken() throws {
    var out = EpisodeBytes()
    out.put(-7)
    out.put(1.0 / 3)
    out.put(UInt64.max)
    var vector: [Float] = [1, -2, .nan]
    out.put(&vector, 12)
    XCTAssertEqual(out.bytes.count, 36)
    var found = source(out)
    XCTAssertEqual(try found.integer(), -7)
    XCTAssertEqual(try found.number(), 1.0 / 3)
    XCTAssertEqual(try found.word(), .max)
    var copy: [Float] = [0, 0, 0]
    try found.take(&copy, 12)
    XCTAssertEqual(copy.map(\.bitPattern), vector.map(\.bitPattern))
    try found.finish()
  }

  func testBytesOfOthersAreRefused() throws {
    var out = EpisodeBytes()
    out.put(5)
    var found = source(out)
    XCTAssertThrowsError(try found.integer("step", 0...4))
    XCTAssertThrowsError(try found.word(), "there is no more")
    var whole = source(out)
    XCTAssertThrowsError(try whole.finish(), "nothing has been read")
    XCTAssertEqual(try whole.integer("step", 0...5), 5)
    var one: [UInt8] = [0]
    XCTAssertThrowsError(try whole.take(&one, 1))
    XCTAssertThrowsError(try whole.take(&one, -1))
  }
}
