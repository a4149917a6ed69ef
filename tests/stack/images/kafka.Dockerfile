# Stands in for apache/kafka where no registry can be reached: the same jars, the same user and folders, and the image's own translation of
# KAFKA_ variables into settings (kafka.docker.KafkaDockerWrapper, which is among the jars). Its shell scripts and its Alpine are not here.
FROM debian:bookworm
COPY java /opt/java
COPY libs /opt/kafka/libs
COPY kafka-log4j2.yaml /etc/kafka/docker/log4j2.yaml
COPY kafka-log4j2.yaml /etc/kafka/docker/tools-log4j2.yaml
COPY kafka-run /etc/kafka/docker/run
RUN touch /etc/kafka/docker/server.properties && useradd --uid 1000 --create-home appuser && \
  mkdir -p /opt/kafka/config /var/lib/kafka/data /etc/kafka/secrets /mnt/shared/config && \
  chown -R appuser:appuser /opt/kafka/config /mnt/shared/config && chown -R appuser:root /var/lib/kafka /etc/kafka
USER appuser
EXPOSE 9092
VOLUME ["/etc/kafka/secrets", "/var/lib/kafka/data", "/mnt/shared/config"]
CMD ["/etc/kafka/docker/run"]
