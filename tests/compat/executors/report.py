"""An executor in the style of the public 0.6 packages that writes a report and what belongs to it."""

from dissmodel.executor import ModelExecutor
from dissmodel.executor.config import settings
from dissmodel.executor.schemas import ExperimentRecord
from dissmodel.executor.utils import default_output_uri
from dissmodel.io._utils import detect_format, resolve_uri, sha256_bytes, write_bytes, write_text


class ReportExecutor(ModelExecutor):
    """Counts the bytes of its input."""

    name = "byte_report"

    def load(self, record: ExperimentRecord):
        content, checksum = resolve_uri(record.source.uri)
        assert checksum == sha256_bytes(content) == self._sha256(self._resolve_uri(record.source.uri))
        record.source.checksum = checksum
        return content

    def run(self, data, record: ExperimentRecord):
        return {value: data.count(bytes([value])) for value in sorted(set(data))}

    def save(self, result, record: ExperimentRecord) -> ExperimentRecord:
        if not record.output_path:
            record.output_path = default_output_uri(record.experiment_id, "md")
        assert str(settings.default_output_base)
        base = record.output_path.rsplit("/", 1)[0]
        rows = "\n".join(f"| {value} | {count} |" for value, count in result.items())
        text = f"# {record.parameters.get('title', 'Bytes')}\n\n| byte | count |\n|---|---|\n{rows}\n"
        record.output_sha256 = write_text(text, record.output_path, content_type="text/markdown")
        table = "".join(f"{value},{count}\n" for value, count in result.items()).encode()
        record.add_artifact("table", write_bytes(table, f"{base}/table.csv", "text/csv"))
        record.add_log(f"Format of the input: {detect_format(record.source.uri)}")
        record.status = "completed"
        return record


if __name__ == "__main__":
    from dissmodel.executor.cli import run_cli

    run_cli(ReportExecutor)
