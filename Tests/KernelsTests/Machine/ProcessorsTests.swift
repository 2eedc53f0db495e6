import CVector
import Foundation
import XCTest

@testable import Kernels

final class ProcessorsTests: XCTestCase {
  func testTheVariableRules() {
    XCTAssertEqual(defaultThreads(variable: "3", allowed: 8, quota: 2), 3)
    for nonsense in ["", "0", "-1", "two", "1.5"] {
      XCTAssertEqual(defaultThreads(variable: nonsense, allowed: 8, quota: nil), 8, nonsense)
    }
    XCTAssertEqual(defaultThreads(variable: "1000000", allowed: 8, quota: nil), 1024)
  }

  func testTheControlGroupLimits() {
    XCTAssertEqual(defaultThreads(variable: nil, allowed: 8, quota: 2.5), 3)
    XCTAssertEqual(defaultThreads(variable: nil, allowed: 2, quota: 16), 2)
    XCTAssertEqual(defaultThreads(variable: nil, allowed: 8, quota: 0.1), 1)
  }

  func testAllowedProcessorsAreThoseOfTheScheduler() {
    let allowed = Int(cv_allowed_processors())
    XCTAssertGreaterThanOrEqual(allowed, 1)
    XCTAssertLessThanOrEqual(allowed, ProcessInfo.processInfo.processorCount)
  }

  private func quota(_ files: [String: String]) throws -> Double? {
    let root = FileManager.default.temporaryDirectory.appendingPathComponent(UUID().uuidString)
    defer { try? FileManager.default.removeItem(at: root) }
    for (name, text) in files {
      let path = root.appendingPathComponent(name)
      try FileManager.default.createDirectory(
        at: path.deletingLastPathComponent(), withIntermediateDirectories: true)
      try text.write(to: path, atomically: true, encoding: .utf8)
    }
    return controlGroupQuota(root: root.path)
  }

  func testQuotasOfBothVersions() throws {
    XCTAssertEqual(try quota(["cpu.max": "150000 100000\n"]), 1.5)
    XCTAssertNil(try quota(["cpu.max": "max 100000\n"]))
    XCTAssertEqual(
      try quota(["cpu/cpu.cfs_quota_us": "400000\n", "cpu/cpu.cfs_period_us": "100000\n"]), 4)
    XCTAssertNil(try quota(["cpu/cpu.cfs_quota_us": "-1\n", "cpu/cpu.cfs_period_us": "100000\n"]))
    XCTAssertNil(try quota(["cpu.max": "nonsense"]))
    XCTAssertNil(try quota([:]))
  }
}
